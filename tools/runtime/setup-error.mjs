/** A reason not to go on that its message explains; no stack is needed. */
export class SetupError extends Error {
  /** The signal by which this process shall end, where one was the reason. */
  signal;

  constructor(message, { signal } = {}) {
    super(message);
    this.signal = signal;
  }
}
