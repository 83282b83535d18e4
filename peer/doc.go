// Package peer is the server's end of one WebRTC link: what SDP agrees on, and the transports below
// it. It is not a PeerConnection: it keeps no tracks, makes no offers and runs no media loop. The
// shard that owns a link drives it packet by packet (package sfu).
//
// # The answer
//
// [Answer] is a pure function from an offer to a [Session] and the text of an answer. On a link to
// the server the client always offers and the server always answers, so that there is no glare, and
// rooms, WHIP and WHEP share this one function. It understands what Chromium, Firefox, Pion,
// GStreamer, aiortc, ffmpeg and OBS send; testdata holds their offers.
//
//	session, answer, err := peer.Answer(offer, local, nil)     // join
//	session, answer, err = peer.Answer(offer, local, session)  // renegotiate, restart ICE
//
// What it decides:
//
//   - One transport: the first BUNDLE group. Other m-lines are declined by port 0.
//   - An m-line on which the client receives is a slot. It gets SSRCs and a stream id once, which
//     stay for the life of the link whatever feeds it. The n-th audio and the n-th video slot share
//     a stream id.
//   - A slot accepts every codec that we forward, with the client's own payload types, so that any
//     publisher can feed it; Media.Codec finds the payload type of a publisher's format.
//   - We are ICE controlled and, unless the client insists otherwise, the DTLS server.
//   - The answer is complete: all candidates, UDP first, and end-of-candidates. Above eight m-lines
//     it says things once for all of them: 9 pairs of slots of Chromium take 31 kB, 25 pairs 79 kB,
//     half of the offer.
//
// An offer that cannot be taken comes back as [*OfferError] with a sentence for the developer of the
// client, and the session before stays in force. Sizes are bounded by MaxOfferBytes, MaxOfferLines
// and MaxOfferCandidates.
package peer
