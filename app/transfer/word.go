package transfer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
)

// topic is that of our data messages in the room.
const topic = "transfer"

// version is that of the protocol.
const version = 1

// The kinds of words.
const (
	wordBegin   = "begin"
	wordHello   = "hello"
	wordConfirm = "confirm"
	wordRefused = "refused"
	wordSealed  = "sealed"
)

// What a receiver knows.
const (
	byLink = "link"
	byCode = "code"
)

// word is one message of the room (docs/transfer.md, Handshake and Sealed signals).
type word struct {
	T       string `json:"t"`
	V       int    `json:"v,omitempty"`
	By      string `json:"by,omitempty"`
	Nonce   b64    `json:"nonce,omitempty"`
	Share   b64    `json:"share,omitempty"`
	Confirm b64    `json:"confirm,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Box     string `json:"box,omitempty"`
}

// errWord is a message that is no word.
var errWord = errors.New("transfer: unreadable message")

// maxWord bounds a message, in bytes.
const maxWord = 16 << 10

func parseWord(b []byte) (word, error) {
	var w word
	if len(b) > maxWord || json.Unmarshal(b, &w) != nil || w.T == "" {
		return word{}, errWord
	}
	return w, nil
}

// b64 is base64url without padding in JSON.
type b64 []byte

func (b b64) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (b *b64) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.DecodeString(string(text))
	*b = raw
	return err
}

// secretWord is what a sealed word says: one of these.
type secretWord struct {
	Link  *linkWord `json:"link,omitempty"`  // to who had the code
	Relay bool      `json:"relay,omitempty"` // let us meet at the relay
	Bye   string    `json:"bye,omitempty"`   // our user gave up, and why
	Pair  *pairWord `json:"pair,omitempty"`  // the code is for pairing: who we are
	Done  bool      `json:"done,omitempty"`  // the sender knows that everything is there
}

// linkWord is a link without its server.
type linkWord struct {
	ID  string `json:"id"`
	Key string `json:"key"` // as in the fragment
}

func parseSecret(b []byte) (secretWord, error) {
	var w secretWord
	if err := json.Unmarshal(b, &w); err != nil {
		return w, errWord
	}
	return w, nil
}
