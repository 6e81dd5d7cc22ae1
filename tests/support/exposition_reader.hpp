// exposition_reader: a strict reader of Prometheus' text format, version 0.0.4, for tests. What the
// format's description allows a server to leave out (HELP, TYPE) is demanded here.
//
// It throws std::runtime_error with the line and what is wrong with it: a name or a label that is
// none, a value that is no number, a family that comes twice or in pieces, a sample that comes
// twice, a histogram whose buckets fall or do not end with +Inf and _count.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace covey::test {

class exposition_reader
{
  public:
    using labels = std::map<std::string, std::string>;

    explicit exposition_reader(std::string_view page)
    {
        if (page.empty() || page.back() != '\n')
            fail("the last line has no end");
        while (!page.empty()) {
            line_ = page.substr(0, page.find('\n'));
            page.remove_prefix(line_.size() + 1);
            rest_ = line_;
            line_.starts_with('#') ? read_comment() : read_sample();
        }
        end_family();
    }

    bool has(std::string const& name, labels const& with = {}) const
    {
        return samples_.contains({name, with});
    }
    double value(std::string const& name, labels const& with = {}) const
    {
        auto const found = samples_.find({name, with});
        if (found == samples_.end())
            throw std::runtime_error{"there is no sample " + name};
        return found->second;
    }
    // Over all labels.
    double sum(std::string const& name) const
    {
        double out = 0;
        for (auto const& [key, value] : samples_)
            out += key.first == name ? value : 0;
        return out;
    }
    std::string type(std::string const& family) const
    {
        auto const found = types_.find(family);
        return found == types_.end() ? "" : found->second;
    }
    std::vector<std::string> families() const { return {families_.begin(), families_.end()}; }

  private:
    [[noreturn]] void fail(std::string const& what) const
    {
        throw std::runtime_error{"\"" + std::string{line_} + "\": " + what};
    }

    static bool begins_name(char byte, bool colon)
    {
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
               (colon && byte == ':');
    }
    std::string name(bool colon)
    {
        std::size_t size = 0;
        while (size != rest_.size() && (begins_name(rest_[size], colon) ||
                                        (size > 0 && rest_[size] >= '0' && rest_[size] <= '9')))
            ++size;
        if (size == 0)
            fail("a name is expected");
        std::string out{rest_.substr(0, size)};
        rest_.remove_prefix(size);
        return out;
    }
    void expect(std::string_view what)
    {
        if (!rest_.starts_with(what))
            fail("\"" + std::string{what} + "\" is expected");
        rest_.remove_prefix(what.size());
    }
    double number(std::string const& text) const
    {
        std::size_t used = 0;
        double const out = std::stod(text, &used); // +Inf and NaN, too
        if (text.empty() || used != text.size())
            fail("a number is expected");
        return out;
    }

    void read_comment()
    {
        expect("# ");
        bool const is_help = rest_.starts_with("HELP ");
        expect(is_help ? "HELP " : "TYPE ");
        auto const family = name(true);
        expect(" ");
        if (is_help) {
            end_family();
            family_ = family;
            if (!families_.insert(family).second)
                fail("the family has been here before");
            if (rest_.empty() || rest_.find('\\') != rest_.npos)
                fail("a help text is expected");
            return;
        }
        if (family != family_ || types_.contains(family))
            fail("its HELP line is expected before it, and no sample between");
        static std::set<std::string_view> const known{"counter", "gauge", "histogram"};
        if (!known.contains(rest_))
            fail("the type is not known");
        types_[family] = rest_;
    }

    void read_sample()
    {
        auto const own = name(true);
        if (!belongs(own))
            fail("it is not of the family " + family_);
        labels with;
        if (rest_.starts_with('{')) {
            do {
                rest_.remove_prefix(1);
                auto const key = name(false);
                expect("=\"");
                if (key.starts_with("__") || !with.emplace(key, label_value()).second)
                    fail("the label is reserved, or here twice");
            } while (rest_.starts_with(','));
            expect("}");
        }
        expect(" ");
        double const found = number(std::string{rest_});
        if (!samples_.emplace(std::pair{own, with}, found).second)
            fail("the sample is here twice");
        auto const& type = types_.at(family_);
        if (type != "gauge" && !(found >= 0))
            fail("it cannot be less than nothing");
        if (type == "histogram")
            read_histogram(own, with, found);
        if (type == "counter" && !own.ends_with("_total"))
            fail("a counter's name ends with _total");
    }
    bool belongs(std::string const& own) const
    {
        auto const type = types_.find(family_);
        if (type == types_.end())
            return false;
        if (type->second != "histogram")
            return own == family_;
        return own == family_ + "_bucket" || own == family_ + "_sum" || own == family_ + "_count";
    }
    std::string label_value()
    {
        std::string out;
        for (;; rest_.remove_prefix(1)) {
            if (rest_.empty())
                fail("the label's value does not end");
            if (rest_[0] == '"')
                break;
            if (rest_[0] == '\\') {
                rest_.remove_prefix(1);
                if (rest_.empty() || std::string_view{"\\n\""}.find(rest_[0]) == rest_.npos)
                    fail("the escape is not known");
                out += rest_[0] == 'n' ? '\n' : rest_[0];
                continue;
            }
            out += rest_[0];
        }
        rest_.remove_prefix(1);
        return out;
    }

    // Of one histogram without labels of its own.
    void read_histogram(std::string const& own, labels const& with, double found)
    {
        if (own.ends_with("_bucket")) {
            if (with.size() != 1 || !with.contains("le"))
                fail("a bucket has the label le");
            double const bound = number(with.at("le"));
            if (!bounds_.empty() && (bound <= bounds_.back() || found < in_buckets_))
                fail("buckets rise");
            bounds_.push_back(bound);
            in_buckets_ = found;
        } else if (own.ends_with("_count")) {
            if (bounds_.empty() || bounds_.back() != number("+Inf") || found != in_buckets_)
                fail("the last bucket is +Inf and has all");
            counted_ = true;
        }
    }
    void end_family()
    {
        if (!family_.empty() && !types_.contains(family_))
            fail("family " + family_ + " has no type");
        if (!family_.empty() && types_.at(family_) == "histogram" && !counted_)
            fail("histogram " + family_ + " has no _count");
        bounds_.clear();
        in_buckets_ = 0;
        counted_ = false;
    }

    std::string_view line_;
    std::string_view rest_; // of the line
    std::string family_;
    std::set<std::string> families_;
    std::map<std::string, std::string> types_;
    std::map<std::pair<std::string, labels>, double> samples_;
    std::vector<double> bounds_;
    double in_buckets_ = 0;
    bool counted_ = false;
};

} // namespace covey::test
