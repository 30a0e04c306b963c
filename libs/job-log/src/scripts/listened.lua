-- Notes who listens to a job, and how far they have got. The oldest make room for others: first those that only looked on, then those
-- that have stopped.
--   KEYS 1 record
--   ARGV 1 tenant, 2 the notes to add or to replace by their id, as JSON, 3 how many are kept
-- Returns how many notes there are; 0 when the job is missing, as another tenant's is
local r = redis.call('HMGET', KEYS[1], 'tenant', 'listeners')
if r[1] ~= ARGV[1] then
  return 0
end
local notes = r[2] and cjson.decode(r[2]) or {}
local places = {}
for place, note in ipairs(notes) do
  places[note.id] = place
end
for _, note in ipairs(cjson.decode(ARGV[2])) do
  local place = places[note.id] or #notes + 1
  notes[place] = note
  places[note.id] = place
end
local excess = #notes - tonumber(ARGV[3])
if excess > 0 then
  redis.call('HINCRBY', KEYS[1], 'moreListeners', excess)
  local kept = {}
  for _, goes in ipairs({ 'watches', 'stopped', 'any' }) do
    kept = {}
    for _, note in ipairs(notes) do
      if excess > 0 and (goes == 'any' or (goes == 'stopped' and note.state ~= 'listening') or note.watches) then
        excess = excess - 1
      else
        kept[#kept + 1] = note
      end
    end
    notes = kept
  end
end
redis.call('HSET', KEYS[1], 'listeners', cjson.encode(notes))
return #notes
