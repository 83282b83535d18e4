package protocol

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The examples of docs/protocol.md are messages of this package, without a field that it does not
// have, and there is one of each.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	inside := false
	for n, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "```") {
			inside = line == "```json"
			continue
		}
		if !inside {
			continue
		}
		e, err := Decode([]byte(line))
		if err != nil {
			t.Errorf("line %d: %v", n+1, err)
			continue
		}
		shown[e.Type] = true
		checkExample(t, n+1, line, &e)
	}
	for _, m := range Messages {
		if !shown[m.Type] {
			t.Errorf("no example of %s", m.Type)
		}
	}
}

func checkExample(t *testing.T, n int, line string, e *Envelope) {
	strict := func(b []byte, v any) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(v); err != nil {
			t.Errorf("line %d: %v", n, err)
		}
	}
	strict([]byte(line), &Envelope{})
	for _, m := range Messages {
		if m.Type == e.Type && e.Body != nil {
			strict(e.Body, reflect.New(reflect.TypeOf(m.Body)).Interface())
			return
		}
	}
	if e.Body != nil {
		t.Errorf("line %d: no message of type %s", n, e.Type)
	}
}

// Every error code is explained.
func TestDocumentedCodes(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{CodeBadMessage, CodeUnauthorized, CodeForbidden, CodeNotFound, CodeRoomFull, CodeLimit,
		CodeReplaced, CodeRemoved, CodeRoomClosed, CodeSessionUnknown, CodeBadOffer, CodeShuttingDown, CodeInternal} {
		if !strings.Contains(string(text), "| `"+code+"` |") {
			t.Errorf("%s is not in the table of errors", code)
		}
	}
}
