/** An environment in which the real Claude Code talks to the stand-in model and to nothing else. */

/**
 * Makes the variables for a hermetic run of Claude Code; there is nothing of the caller's own but PATH.
 *
 * @param options.modelUrl address of the stand-in model
 * @param options.home an empty folder of the test's own: settings, transcripts and temporary files go there
 * @param options.path where the CLI finds its tools; default is this process's PATH
 */
export function claudeEnvironment(options: {
  modelUrl: string;
  home: string;
  path?: string;
}): Record<string, string> {
  return {
    PATH: options.path ?? process.env.PATH ?? '/usr/bin:/bin',
    HOME: options.home,
    TMPDIR: options.home,
    LANG: 'C.UTF-8',
    ANTHROPIC_BASE_URL: options.modelUrl,
    ANTHROPIC_API_KEY: 'sk-ant-stand-in',
    CLAUDE_CODE_MAX_RETRIES: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_BUG_COMMAND: '1',
    // Whatever still tries to leave the machine meets a closed port.
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1,localhost',
  };
}

/** For runs that live for a second, in which it would never pay to optimize code or to collect garbage ahead of need. */
export const SHORT_LIVED = {
  BUN_JSC_useDFGJIT: '0',
  BUN_JSC_useConcurrentGC: '0',
  BUN_GC_TIMER_DISABLE: '1',
};
