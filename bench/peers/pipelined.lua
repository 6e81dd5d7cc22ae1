-- wrk: as many requests at once as the first word after -- says.
init = function(words)
  local one = wrk.format("GET")
  local all = {}
  for i = 1, tonumber(words[1]) do all[i] = one end
  batch = table.concat(all)
end
request = function() return batch end
