// From options to a launched process: its pipes, its plan.
#include "running.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <covey/protocol/channel_environment.hpp>
#include <deque>
#include <fcntl.h>
#include <unistd.h>

namespace covey::process {

namespace {

[[noreturn]] void fail(char const* doing)
{
    throw boost::system::system_error{errno, boost::system::system_category(), doing};
}

// The child's descriptors; what is opened for them only lives until it has been launched.
class descriptors
{
  public:
    explicit descriptors(supervision::launch_plan& plan)
        : plan_{plan}
    {}

    void place(handle const& open, int number) { plan_.descriptors.push_back({&open, number}); }

    void standard(stdio const& how, source usual, int number, handle& our_end)
    {
        auto const from = how.from == source::usual ? usual : how.from;
        if (how.open)
            place(*how.open, number);
        else if (from == source::null)
            place(keep(::open("/dev/null", O_RDWR | O_CLOEXEC)), number);
        else if (from == source::pipe)
            pipe(number, our_end);
    }

  private:
    void pipe(int number, handle& our_end)
    {
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) != 0)
            fail("make a pipe for a child");
        bool const reads = number == STDIN_FILENO; // the child does
        our_end = handle{ends[reads ? 1 : 0]};
        place(keep(ends[reads ? 0 : 1]), number);
    }

    handle const& keep(int descriptor)
    {
        if (descriptor < 0)
            fail("open /dev/null");
        return kept_.emplace_back(descriptor);
    }

    supervision::launch_plan& plan_;
    std::deque<handle> kept_; // which never moves them
};

} // namespace

supervision::launched start(start_plan what, options const& settings, pipe_ends& pipes)
{
    supervision::launch_plan plan;
    what.arguments.insert(what.arguments.begin(),
                          what.path.empty() ? supervision::own_program() : what.path);
    plan.program = {.path = std::move(what.path),
                    .search = true,
                    .arguments = std::move(what.arguments),
                    .environment = settings.environment,
                    .environment_only = settings.environment_only};
    plan.directory = settings.directory.text();
    plan.user = settings.user;
    plan.cpus = settings.cpus;
    plan.group = settings.detached ? supervision::group::session : what.group;
    plan.dies_with_this_thread = !settings.detached && supervision::on_main_thread();

    descriptors place{plan};
    place.standard(settings.standard_input, what.usual_input, STDIN_FILENO, pipes.input);
    place.standard(settings.standard_output, what.usual_output, STDOUT_FILENO, pipes.output);
    place.standard(settings.standard_error, what.usual_output, STDERR_FILENO, pipes.errors);
    int number = STDERR_FILENO + 1;
    for (auto const& one : settings.extra) {
        if (!one)
            throw boost::system::system_error{EBADF, boost::system::system_category(),
                                              "an extra descriptor for a child is empty"};
        place.place(*one, number++);
    }
    // Ours, when we are a worker, is not its; without the value the variable is taken out.
    std::string entry = protocol::channel_variable;
    if (what.channel != nullptr) {
        place.place(*what.channel, number);
        entry = protocol::channel_entry(number);
    }
    plan.program.environment.push_back(entry);
    return supervision::launch(plan);
}

} // namespace covey::process
