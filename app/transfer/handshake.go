package transfer

import (
	"crypto/rand"
	"errors"

	"switchyard/engine/pake"
	"switchyard/protocol"
)

// The errors of handshakes.
var (
	errSecret  = errors.New("transfer: the secrets differ")
	errVersion = errors.New("transfer: the other end speaks another version of the protocol: update the older of the two")
)

// The reasons of a refusal.
const (
	reasonSecret  = "wrong-secret"
	reasonVersion = "version"
)

// parties say between whom a handshake is; they are part of what is agreed on.
type parties struct {
	room             string
	receiver, sender protocol.ParticipantID
}

func (p parties) channel() []byte { return pake.Channel(p.room, string(p.receiver), string(p.sender)) }

// greeting is a handshake of the receiver, who begins.
type greeting struct {
	exchange *pake.Exchange
	hello    word // to be sent
}

func greet(p parties, by string, prs []byte) (*greeting, error) {
	nonce := make([]byte, pake.NonceSize)
	_, _ = rand.Read(nonce) // never fails
	e, err := pake.New(pake.Initiator, prs, p.channel(), nonce)
	if err != nil {
		return nil, err
	}
	return &greeting{e, word{T: wordHello, V: version, By: by, Nonce: nonce, Share: e.Share()}}, nil
}

// answered takes the sender's hello. With errSecret the sender has another secret.
func (g *greeting) answered(w word) (*pake.Keys, word, error) {
	if w.V != version {
		return nil, word{}, errVersion
	}
	isk, err := g.exchange.Finish(w.Share)
	if err != nil {
		return nil, word{}, err
	}
	k := pake.Derive(isk)
	if !k.Confirmed(pake.Sender, w.Confirm) {
		return nil, word{T: wordRefused, Reason: reasonSecret}, errSecret
	}
	return k, word{T: wordConfirm, Nonce: g.hello.Nonce, Confirm: k.Confirm(pake.Receiver)}, nil
}

// welcoming is a handshake of the sender. Whoever got its answer has had one guess at the secret, also when no
// confirmation comes: the answer tells them whether they guessed right.
type welcoming struct {
	keys   *pake.Keys
	by     string
	answer word // to be sent
}

func welcome(p parties, prs []byte, w word) (*welcoming, error) {
	if w.V != version {
		return nil, errVersion
	}
	if len(w.Nonce) != pake.NonceSize {
		return nil, errWord
	}
	e, err := pake.New(pake.Responder, prs, p.channel(), w.Nonce)
	if err != nil {
		return nil, err
	}
	isk, err := e.Finish(w.Share)
	if err != nil {
		return nil, err
	}
	k := pake.Derive(isk)
	return &welcoming{k, w.By, word{T: wordHello, V: version, Nonce: w.Nonce, Share: e.Share(), Confirm: k.Confirm(pake.Sender)}}, nil
}

// confirmed takes the receiver's confirmation.
func (h *welcoming) confirmed(w word) error {
	if !h.keys.Confirmed(pake.Receiver, w.Confirm) {
		return errSecret
	}
	return nil
}
