-- Notes who listens to jobs, and how far they have got. The oldest make room for others: first those that only looked on, then those
-- that have stopped.
--   KEYS 1… records
--   ARGV 1 how many notes are kept of a job, then two for each: its tenant, the notes to add or to replace by their id, as JSON
-- Returns how many notes there are of each; 0 when the job is missing, as another tenant's is
local function note(record, tenant, added)
  local r = redis.call('HMGET', record, 'tenant', 'listeners')
  if r[1] ~= tenant then
    return 0
  end
  local notes = r[2] and cjson.decode(r[2]) or {}
  local places = {}
  for place, one in ipairs(notes) do
    places[one.id] = place
  end
  for _, one in ipairs(cjson.decode(added)) do
    local place = places[one.id] or #notes + 1
    notes[place] = one
    places[one.id] = place
  end
  local excess = #notes - tonumber(ARGV[1])
  if excess > 0 then
    redis.call('HINCRBY', record, 'moreListeners', excess)
    local kept = {}
    for _, goes in ipairs({ 'watches', 'stopped', 'any' }) do
      kept = {}
      for _, one in ipairs(notes) do
        if excess > 0 and (goes == 'any' or (goes == 'stopped' and one.state ~= 'listening') or one.watches) then
          excess = excess - 1
        else
          kept[#kept + 1] = one
        end
      end
      notes = kept
    end
  end
  redis.call('HSET', record, 'listeners', cjson.encode(notes))
  return #notes
end

local counts = {}
for i, record in ipairs(KEYS) do
  counts[i] = note(record, ARGV[2 * i], ARGV[2 * i + 1])
end
return counts
