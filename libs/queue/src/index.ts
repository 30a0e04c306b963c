/** BullMQ, and nothing else of it leaves this library but the queue that the dashboard shows. */
export {
  type Consumer,
  type ConsumerOptions,
  type Load,
  type Processed,
  type Slot,
  startConsumer,
} from './consumer.ts';
export {
  createProducer,
  type EntryNeed,
  type EntryState,
  openQueue,
  type Producer,
  type QueueDepth,
} from './producer.ts';
