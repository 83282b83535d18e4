package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"
)

// NewError returns an error that ends nothing and cannot be retried.
func NewError(code, sentence string) *Error { return &Error{Code: code, Message: sentence} }

func (e *Error) Error() string { return "protocol: " + e.Code + ": " + e.Message }

// NewEnvelope wraps a body; nil and bodies without fields are left out. Bodies are structs of this
// package, or json.RawMessage, which cannot fail to encode unless a RawMessage inside is no JSON.
func NewEnvelope(typ string, body any) (Envelope, error) {
	e := Envelope{Type: typ}
	if body == nil || reflect.TypeOf(body).Kind() == reflect.Struct && reflect.TypeOf(body).NumField() == 0 {
		return e, nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return e, err
	}
	e.Body = raw
	return e, nil
}

// Decode reads one envelope as it came from the network. The error is an *Error that can be sent
// back as it is.
func Decode(b []byte) (Envelope, error) {
	var e Envelope
	switch {
	case !utf8.Valid(b):
		return e, NewError(CodeBadMessage, "The message is not UTF-8.")
	case !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")):
		return e, NewError(CodeBadMessage, "The message is not a JSON object.")
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Envelope{}, NewError(CodeBadMessage, "The message is not an envelope: "+reason(err)+".")
	}
	if e.Type == "" {
		return e, NewError(CodeBadMessage, "The message has no type.")
	}
	return e, nil
}

// Into reads the body into v, a pointer to one of the message structs. An absent body is an empty
// one. The error is an *Error that can be sent back as it is.
func (e *Envelope) Into(v any) error {
	if len(e.Body) == 0 || string(e.Body) == "null" {
		return nil
	}
	if err := json.Unmarshal(e.Body, v); err != nil {
		return NewError(CodeBadMessage, "The body of "+e.Type+" cannot be read: "+reason(err)+".")
	}
	return nil
}

// reason says in words of JSON, not of Go, what the decoder did not like.
func reason(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if t.Field == "" {
			return "it cannot be a JSON " + t.Value
		}
		return t.Field + " cannot be a JSON " + t.Value
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
