// Roots of trust that this page carries. Evidence never supplies its own.

/** Each file of a kind adds the published roots of its maker: { name, purpose, certificate, assurance }. */
const compiledAnchors = [];
