/**
 * A message that was too large for its event, kept whole in its job's record: a field that says how large it is, and a
 * field for each page, by where it begins. So a page is read without the rest, and all ends with the record.
 */

/** Its pages are its text, one after another; `bytes` and `sha256` are those of all of it, as UTF-8. */
export type KeptBody = { seq: number; bytes: number; sha256: string; pages: readonly string[] };

/** A page as it is read; `bytes` and `sha256` are of the whole. `no_body`: nothing is kept; `no_page`: none begins there. */
export type BodyPage =
  | { code: 'page'; bytes: number; sha256: string; text: string }
  | { code: 'no_body' | 'no_page' };

/** The field that says how large the body of an event is, and that of its page at an offset (bytes). */
export function bodyFields(seq: number, offset: number): [size: string, page: string] {
  return [`body:${seq}`, `body:${seq}:${offset}`];
}

/** What keeps these bodies: fields and values, and how many bytes they have. */
export function fieldsOf(bodies: readonly KeptBody[]): { fields: string[]; bytes: number } {
  const fields: string[] = [];
  let bytes = 0;
  for (const { seq, sha256, pages, ...body } of bodies) {
    let offset = 0;
    for (const page of pages) {
      fields.push(bodyFields(seq, offset)[1], page);
      offset += Buffer.byteLength(page);
    }
    fields.push(bodyFields(seq, 0)[0], `${body.bytes} ${sha256}`);
    bytes += body.bytes;
  }
  return { fields, bytes };
}

/** Reads what the two fields hold. */
export function pageOf(size: string | undefined, text: string | undefined): BodyPage {
  if (!size) return { code: 'no_body' };
  const [bytes, sha256 = ''] = size.split(' ');
  if (text === undefined) return { code: 'no_page' };
  return { code: 'page', bytes: Number(bytes), sha256, text };
}
