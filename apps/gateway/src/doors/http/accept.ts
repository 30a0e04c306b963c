/** Which of several forms a client would rather have, by its `Accept` (RFC 9110). */

/** The media type that is wanted most, the first of those that are wanted alike; undefined when none is wanted. */
export function preferredType(accept: string | undefined, offered: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const wanted = accept.split(',').map(parseRange);
  const ranked = offered
    .map((mediaType) => ({ mediaType, quality: qualityOf(mediaType, wanted) }))
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
  return ranked[0]?.mediaType;
}

type Range = { name: string; quality: number };

function parseRange(text: string): Range {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { name, quality: Number.isFinite(quality) ? quality : 0 };
}

/** The most specific range decides. */
function qualityOf(mediaType: string, wanted: readonly Range[]): number {
  const [type] = mediaType.split('/', 1);
  for (const name of [mediaType, `${type}/*`, '*/*']) {
    const range = wanted.find((candidate) => candidate.name === name);
    if (range) return range.quality;
  }
  return 0;
}
