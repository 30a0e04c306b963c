/** The browser that is here. */
import { existsSync } from 'node:fs';

export const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const program = PROGRAMS.find((file) => existsSync(file));
