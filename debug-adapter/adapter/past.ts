import type { Timeline } from '../timeline/timeline.ts'

/** How far back the run can be gone, and how to get before that, as the end of an error. */
export const pastBegins = (timeline: Timeline): string =>
  `a run of very many calls is known from instruction ${timeline.instructionsAt(timeline.first)} on. Restart begins at power-on.`
