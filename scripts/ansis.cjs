// Stands in the bundle for the package of that name, of which oclif's help uses this alone: it asks Node's own stream
// whether it is a terminal as soon as it is loaded.
const {stripVTControlCharacters} = require('node:util')

module.exports = {strip: stripVTControlCharacters}
