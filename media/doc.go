// Package media holds the nouns that every other package shares: units, codecs, clocks and the
// packet that travels from a publisher to its subscribers. It imports nothing of ours.
package media
