// What the script and its test share.
export { bundlePool } from './bundle.mjs'
export { equivalent } from './equivalent.mjs'
export { mutationSites } from './sites.mjs'
export { Thread } from './thread.mjs'
