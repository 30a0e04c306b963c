/** What happened to a job, and when, made of its events: for people who look at it, on a terminal or a page. */
export { createTimeline, MAX_TOOLS, type Moment } from './timeline.ts';
export { noticeTexts, tellingInput } from './words.ts';
