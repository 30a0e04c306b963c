/**
 * Whether a client is still there, judged by progress at each heartbeat: since the last one it has answered a ping, or the
 * network has taken something of what waits for it. However slowly a client reads, it does one of the two. Pure.
 */

/** Heartbeats in a row without progress after which the client counts as gone. */
const MAX_IDLE_BEATS = 3;

export type Liveness = {
  /** The client has answered a ping. */
  answered(): void;
  /** A heartbeat is due. Says why the client counts as gone, if it does. */
  beat(outgoing: {
    takenBytes: number;
    waitingBytes: number;
  }): 'slow_consumer' | 'heartbeat_missed' | undefined;
};

export function createLiveness(): Liveness {
  let takenBefore = 0;
  let hasProgressed = true;
  let idleBeats = 0;
  return {
    answered() {
      hasProgressed = true;
    },
    beat({ takenBytes, waitingBytes }) {
      // What is taken at once, as a heartbeat is, says nothing: the network takes it from us also when nobody reads.
      const isTaking = waitingBytes > 0 && takenBytes > takenBefore;
      idleBeats = hasProgressed || isTaking ? 0 : idleBeats + 1;
      takenBefore = takenBytes;
      hasProgressed = false;
      if (idleBeats < MAX_IDLE_BEATS) return undefined;
      return waitingBytes > 0 ? 'slow_consumer' : 'heartbeat_missed';
    },
  };
}
