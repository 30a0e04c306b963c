/** What the table of HTTP operations says of each: what stands where in a request, and how it is answered. */
import type { z } from 'zod';

/** What an answer's body is, by media type; undefined: there is none. */
type HttpAnswer = { description: string; content?: Readonly<Record<string, z.ZodType | undefined>> };

export type HttpOperation = {
  method: 'GET' | 'POST' | 'PUT';
  /** `{+name}` stands for the rest of a path, with its slashes. */
  path: string;
  summary: string;
  inPath: z.ZodObject;
  inQuery: z.ZodObject;
  /** Names in small letters; headers that are not named are not looked at. */
  inHeaders: z.ZodObject;
  body?: z.ZodType;
  /** In place of it: the body is lines of JSON, each of this schema, and is read as it comes. */
  lines?: z.ZodType;
  /** The body is bytes, which are taken as they come. */
  takesBytes?: true;
  answers: Readonly<Record<number, HttpAnswer>>;
  /** Whoever reaches the door is answered. */
  isPublic?: boolean;
};
