/** BullMQ, and nothing else of it leaves this library but the queue that the dashboard shows. */
export {
  type Consumer,
  type ConsumerOptions,
  type Load,
  type Processed,
  type Slot,
  startConsumer,
} from './consumer.ts';
export { createProducer, openQueue, type Producer, type QueueDepth } from './producer.ts';
export { type EntryNeed, type EntryState, endOfLine } from './turns.ts';
