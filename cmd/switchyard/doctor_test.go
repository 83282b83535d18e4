package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/protocol"
)

func TestDoctorUsedWrongly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"doctor", "meet.example.org"}, 2, "try https://meet.example.org"},
		{[]string{"doctor", "--stun", "stun:example.org", "https://x.test"}, 2, "HOST:PORT"},
		{[]string{"doctor", "--data", t.TempDir()}, 1, "no server is running on the data folder"},
		{[]string{"doctor", "http://127.0.0.1:1", "--data", t.TempDir()}, 1, "check failed"},
	} {
		code, _, stderr := verb(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: %d %q, want %d %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

// TestDoctorPage: what a terminal gets, and what a script does; control characters of a server reach neither.
func TestDoctorPage(t *testing.T) {
	var b strings.Builder
	p := &doctorPage{out: &b}
	p.print(protocol.Finding{Group: "One", State: protocol.FindingOK, Title: "Thing", Text: "It is \x1b[31mgood\u009b."})
	p.print(protocol.Finding{Group: "Two", State: protocol.FindingFail, Title: "Other", Text: "It is not.", Fix: "Mend it."})
	want := "One\n  ✓ Thing: It is [31mgood.\n\nTwo\n  ✗ Other: It is not.\n    → Mend it.\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestDoctorOfOurServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	defer s.end(os.Interrupt)
	begin := time.Now().Truncate(time.Millisecond)
	code, stdout, stderr := verb(t, "doctor", "--data", dir, "--json")
	var report protocol.Diagnosis
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v: %d %q %q", err, code, stdout, stderr)
	}
	states := map[string]protocol.FindingState{}
	for _, f := range report.Findings {
		states[f.ID] = f.State
		if f.State == protocol.FindingFail {
			t.Logf("%+v", f)
		}
	}
	if states["media"] != protocol.FindingOK || states["server-disk"] == "" {
		t.Errorf("media %q, disk %q: the server did not tell of itself", states["media"], states["server-disk"])
	}
	if (code == 1) != (report.State == protocol.FindingFail) || time.UnixMilli(report.At).Before(begin) || time.UnixMilli(report.At).After(time.Now()) {
		t.Errorf("code %d, state %s, at %d", code, report.State, report.At)
	}
}
