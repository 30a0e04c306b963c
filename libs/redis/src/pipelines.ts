/**
 * Makes pipelines cheap on a connection that knows many scripts. ioredis copies every script onto each new pipeline, and
 * auto-pipelining makes one in each turn of the event loop: beside BullMQ's sixty scripts that costs more than all commands.
 * Here all pipelines of a connection have their scripts from one prototype.
 */
import { type Cluster, Pipeline, type Redis } from 'ioredis';

/** Before any script is defined on the connection. */
export function shareScripts(redis: Redis | Cluster): void {
  const { isCluster, options } = redis;
  /** What a pipeline reads of its connection when it is made, without scripts to be copied. */
  const bare = {
    isCluster,
    options,
    scriptsSet: {},
    addedBuiltinSet: new Set(),
    constructor: redis.constructor,
  };

  class SharingPipeline extends Pipeline {
    constructor() {
      super(bare as unknown as Redis);
      this.redis = redis;
    }
  }

  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, definition) => {
    define(name, definition);
    // Methods that the types do not know.
    const methods = redis as unknown as Record<string, unknown>;
    const shared = SharingPipeline.prototype as unknown as Record<string, unknown>;
    for (const method of [name, `${name}Buffer`]) shared[method] = methods[method];
  };
  redis.pipeline = (commands) => {
    const pipeline = new SharingPipeline();
    if (commands) pipeline.addBatch(commands);
    return pipeline as unknown as ReturnType<Redis['pipeline']>;
  };
}
