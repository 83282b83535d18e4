package protocol

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestValidNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"demo": true, "a.b-c_D9": true, "": false, ".": false, "..": false, "-x": false, "a b": false, "a/b": false,
		"ä": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
	} {
		if ValidRoom(name) != ok {
			t.Errorf("room %q: %v", name, !ok)
		}
	}
	for id, ok := range map[string]bool{
		"ann": true, "Ann Müller": true, "": false, " ann": false, "ann ": false, "a\nb": false, "a\x00": false, "\xff": false,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
	} {
		if ValidIdentity(id) != ok {
			t.Errorf("identity %q: %v", id, !ok)
		}
	}
	for name, ok := range map[string]bool{"": true, "👩‍💻 Ann": true, "a\u202eb": false} {
		if ValidName(name) != ok {
			t.Errorf("name %q: %v", name, !ok)
		}
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"\xff":            "not UTF-8",
		"[]":              "not a JSON object",
		"null":            "not a JSON object",
		"{":               "unexpected end of JSON input",
		`{"id":1}`:        "no type",
		`{"type":1}`:      "type cannot be a JSON number",
		`{"type":"x"} {}`: "invalid character '{' after top-level value",
	} {
		_, err := Decode([]byte(text))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeBadMessage || !strings.Contains(e.Message, want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	e, err := Decode([]byte(` {"type":"publish","body":{"tracks":[{"mid":1}]},"later":true}`))
	if err != nil {
		t.Fatal(err)
	}
	var m Publish
	if err := e.Into(&m); err == nil || !strings.Contains(err.Error(), "tracks.mid cannot be a JSON number") {
		t.Error(err)
	}
}

func TestEmptyBodiesAreLeftOut(t *testing.T) {
	for _, m := range Messages {
		e, err := NewEnvelope(m.Type, m.Body)
		if err != nil {
			t.Errorf("%s: %v", m.Type, err)
		}
		if empty := reflect.TypeOf(m.Body).NumField() == 0; empty != (e.Body == nil) {
			t.Errorf("%s: body %s", m.Type, e.Body)
		}
	}
}

// FuzzDecode reads what can come from the network, and the body as every message there is.
func FuzzDecode(f *testing.F) {
	for _, m := range Messages {
		e, err := NewEnvelope(m.Type, m.Body)
		if err != nil {
			f.Fatal(err)
		}
		b, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"type":"data","id":1,"seq":2,"ack":3,"body":{"to":["a"],"topic":"t","payload":{"x":[1,null]}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatal(err)
			}
			return
		}
		for _, m := range Messages {
			v := reflect.New(reflect.TypeOf(m.Body))
			if e.Into(v.Interface()) != nil {
				continue
			}
			again, err := NewEnvelope(m.Type, v.Elem().Interface())
			if err != nil {
				t.Fatalf("%s: %s cannot be sent on: %v", m.Type, e.Body, err)
			}
			if !json.Valid(append([]byte("["), append(again.Body, ']')...)) {
				t.Fatalf("%s became %s", e.Body, again.Body)
			}
		}
	})
}

func TestBrowserTakes(t *testing.T) {
	for address, want := range map[string]bool{
		"192.168.1.2:8443": true, "127.0.0.1:1024": true, "203.0.113.7:443": true, "203.0.113.7:80": true, "[2001:db8::1]:443": true,
		"192.168.1.2:443": false, "10.0.0.1:80": false, "127.0.0.1:443": false, "100.64.1.1:443": false, "[fd00::1]:443": false,
		"[::ffff:10.0.0.1]:443": false, "169.254.1.1:443": false, "203.0.113.7:444": false, "203.0.113.7:1023": false,
	} {
		if got := BrowserTakes(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
