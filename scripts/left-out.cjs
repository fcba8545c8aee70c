// Stands in the bundle for packages that are never called (scripts/build.mjs).
module.exports = {}
