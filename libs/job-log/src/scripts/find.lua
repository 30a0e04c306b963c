-- Walks an index of jobs, the newest first, and gives those whose text holds the wanted one and that stand in all the
-- others, too. Looks at a bounded number of them.
--   KEYS 1 the index: where a text is wanted, that of the texts, with names of id and text; 2… the others
--   ARGV 1 score to begin at, 2 id to begin behind among those of this score, or '', 3 last score,
--        4 how many to look at, 5 how many to give, 6 text, or ''
-- Returns {score and id of the last one looked at, or '' and '' when there are no more, jobId, score, …}
local from, behind, looks, text = ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[6]
local names, offset, is_all = {}, 0, false

local function id_of(name)
  return text == '' and name or string.match(name, '^%S+')
end

-- Of those that have this score, the ones up to the given id are passed over, however many they are.
local alike = behind == '' and 0 or redis.call('ZCOUNT', KEYS[1], from, from)
repeat
  local reply = redis.call('ZRANGE', KEYS[1], from, ARGV[3], 'BYSCORE', 'REV', 'LIMIT', offset, looks)
  for i = 1, #reply do
    if offset + i > alike or id_of(reply[i]) < behind then
      names[#names + 1] = reply[i]
    end
  end
  offset, is_all = offset + looks, #reply < looks
until is_all or #names > 0
local last = names[#names]

if text ~= '' then
  local holding = {}
  for i = 1, #names do
    if string.find(names[i], text, string.find(names[i], ' ', 1, true) + 1, true) then
      holding[#holding + 1] = names[i]
    end
  end
  names = holding
end
for k = 2, #KEYS do
  local ids, kept = {}, {}
  for i = 1, #names do
    ids[i] = id_of(names[i])
  end
  local found = #ids > 0 and redis.call('ZMSCORE', KEYS[k], unpack(ids)) or {}
  for i = 1, #names do
    if found[i] then
      kept[#kept + 1] = names[i]
    end
  end
  names = kept
end

local function score_of(name)
  return redis.call('ZSCORE', KEYS[1], name)
end

local count = math.min(#names, tonumber(ARGV[5]))
local reply = { '', '' }
if count < #names then
  reply = { score_of(names[count]), id_of(names[count]) }
elseif not is_all then
  reply = { score_of(last), id_of(last) }
end
for i = 1, count do
  reply[#reply + 1], reply[#reply + 2] = id_of(names[i]), score_of(names[i])
end
return reply
