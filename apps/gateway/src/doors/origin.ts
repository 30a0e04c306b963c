/**
 * Which web pages may connect. Any page that a person on this machine opens can reach a port on loopback, and here
 * a connection runs Claude Code: so a browser's Origin must be on loopback, or be allowed by name. Programs send none.
 */
import { namesLoopback } from '@cc-executor/runtime';

/** `allowed` holds origins such as https://tools.example.com, or '*'. */
export function isAllowedOrigin(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  return namesLoopback(new URL(origin).host);
}
