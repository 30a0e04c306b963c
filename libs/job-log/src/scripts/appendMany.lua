-- include: shared, limits, pausing, ledger, appending
-- Does what append.lua does, for batches of several jobs, one after another: where all is on one server.
--   KEYS 1 ledger, 2 what jobs are charged with, 3 what their output takes, then for each batch: record, log
--   ARGV for each batch: how many arguments of append.lua follow, and these
-- Returns for each what append.lua does. An error ends it: what stands before has been appended
local replies, at = {}, 1
for i = 4, #KEYS, 2 do
  local last = at + tonumber(ARGV[at])
  replies[#replies + 1] = append({ KEYS[i], KEYS[i + 1], KEYS[1], KEYS[2], KEYS[3] }, { unpack(ARGV, at + 1, last) })
  at = last + 1
end
return replies
