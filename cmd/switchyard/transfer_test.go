package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Whatever is sent is what is received: names, bytes, modes and times. SWITCHYARD_TRANSFER_BYTES and _FILES
// make the large file and the many files larger.
func TestSendAndReceive(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	for name, make := range map[string]func(folder string){
		"empty file": func(f string) { fill(t, filepath.Join(f, "empty"), 0) },
		"one byte":   func(f string) { fill(t, filepath.Join(f, "one"), 1) },
		"large file": func(f string) {
			fill(t, filepath.Join(f, "large.bin"), size(t, "SWITCHYARD_TRANSFER_BYTES", 40_000_001))
		},
		"many files":   func(f string) { many(t, filepath.Join(f, "many"), int(size(t, "SWITCHYARD_TRANSFER_FILES", 400))) },
		"deep folders": func(f string) { deep(t, filepath.Join(f, "deep")) },
	} {
		t.Run(name, func(t *testing.T) {
			x.t = t
			from, to := t.TempDir(), t.TempDir()
			make(from)
			var paths []string
			entries, _ := os.ReadDir(from)
			for _, e := range entries {
				paths = append(paths, filepath.Join(from, e.Name()))
			}
			s := x.send(paths...)
			r := x.receive(to, s.link())
			r.exits(0)
			s.exits(0)
			equal(t, to, from)
			for _, p := range []*transferring{s, r} {
				t.Logf("%s: %d MB of memory at most, %v of CPU", p.cmd.Args[1], p.peak.Load()>>20, p.cmd.ProcessState.UserTime()+p.cmd.ProcessState.SystemTime())
				if p.peak.Load() > mostMemory {
					t.Errorf("%s took %d MB of memory, more than %d", p.cmd.Args[1], p.peak.Load()>>20, mostMemory>>20)
				}
			}
		})
	}
}

func many(t *testing.T, folder string, n int) {
	for i := range n {
		fill(t, filepath.Join(folder, strconv.Itoa(i%17), fmt.Sprintf("file %d.txt", i)), int64(i%900))
	}
}

func deep(t *testing.T, folder string) {
	path := folder
	for i := range 40 {
		path = filepath.Join(path, fmt.Sprintf("ö%d", i))
	}
	fill(t, filepath.Join(path, "at the bottom"), 100_000)
	if err := os.MkdirAll(filepath.Join(folder, "empty"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "run.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestSendStandardInputToStandardOutput(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	data := bytes.Repeat([]byte("a line that packs well\n"), 100_000)
	s := x.run(bytes.NewReader(data), "send", "--data", x.data, "-")
	r := x.receive("-", s.link())
	r.exits(0)
	s.exits(0)
	if r.stdout.String() != string(data) {
		t.Errorf("%d bytes came out, %d went in", len(r.stdout.String()), len(data))
	}
}

func TestSendText(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	s := x.send("--text", "see you at 8\nin the café")
	r := x.receive(t.TempDir(), s.link())
	r.exits(0)
	s.exits(0)
	if got := r.stdout.String(); got != "see you at 8\nin the café\n" {
		t.Errorf("received %q", got)
	}
}

// A code can be tried once; after a wrong one the sender has another.
func TestCodes(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 100_000)
	s := x.send(filepath.Join(from, "a"))
	first := s.code(0)
	number, words, _ := strings.Cut(first, "-")
	other := "walnut-umbrella"
	if words == other {
		other = "acorn-zucchini"
	}
	wrong := x.receive(to, number+"-"+other)
	wrong.exits(1)
	if !strings.Contains(wrong.stderr.String(), "not the right code") {
		t.Errorf("a wrong code: %q", wrong.stderr.String())
	}
	if s.code(1) == first {
		t.Errorf("the code is %s again", first)
	}
	// The number of the void code is the new code's, as the smallest that is free: trying it is a wrong guess again.
	void := x.receive(to, first)
	void.exits(1)
	r := x.receive(to, strings.ToUpper(strings.ReplaceAll(s.code(2), "-", " ")))
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 100_000)
	s := x.send("--passphrase=open sesame", filepath.Join(from, "a"))
	if !strings.HasSuffix(s.link(), ".p") {
		t.Errorf("the link does not say that there is a passphrase: %s", s.link())
	}
	wrong := x.receive(to, "--passphrase=guess", s.link())
	wrong.exits(1)
	if !strings.Contains(wrong.stderr.String(), "passphrase") {
		t.Errorf("a wrong passphrase: %q", wrong.stderr.String())
	}
	none := x.receive(to, s.link())
	none.exits(2)
	r := x.receive(to, "--passphrase=open sesame", s.link())
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

// Guessing at a passphrase ends the link, and guessing at codes ends the codes.
func TestGuessing(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 1000)
	s := x.send("--passphrase=open sesame", filepath.Join(from, "a"))
	link := s.link()
	for i := 0; i < 20 && !ended(s); i++ {
		x.receive(to, "--passphrase=guess", link).exits(1)
	}
	s.exits(1)
	if !strings.Contains(s.stderr.String(), "ten wrong guesses") || strings.Count(s.stderr.String(), "wrong passphrase.") != 10 {
		t.Errorf("the sender whose passphrase was guessed at: %q", s.stderr.String())
	}
	late := x.receive(to, "--passphrase=open sesame", link)
	late.exits(1)

	s = x.send(filepath.Join(from, "a"))
	for i := range 10 {
		number, words, _ := strings.Cut(s.code(i), "-")
		guess := "acorn-zucchini"
		if words == guess {
			guess = "walnut-umbrella"
		}
		x.receive(to, number+"-"+guess).exits(1)
	}
	s.says("no more of them")
	x.receive(to, s.link()).exits(0)
	s.exits(0)
	equal(t, to, from)
}

// Of two who open a link for one, one gets the files, and the other is told why not.
func TestTwoReceiversOfALinkForOne(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from := t.TempDir()
	fill(t, filepath.Join(from, "a"), 3_000_000)
	s := x.send(filepath.Join(from, "a"))
	link := s.link()
	to := []string{t.TempDir(), t.TempDir()}
	a, b := x.receive(to[0], link), x.receive(to[1], link)
	<-a.ended
	<-b.ended
	won, lost := 0, b
	if a.cmd.ProcessState.ExitCode() != 0 {
		won, lost = 1, a
	}
	lost.exits(1)
	if !strings.Contains(lost.stderr.String(), "accepted this link already") {
		t.Errorf("the one who came late: %q", lost.stderr.String())
	}
	s.exits(0)
	equal(t, to[won], from)
}

func TestSeveralReceivers(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from := t.TempDir()
	fill(t, filepath.Join(from, "a"), 5_000_000)
	s := x.send("--receivers", "3", filepath.Join(from, "a"))
	link := s.link()
	var rs []*transferring
	var to []string
	for range 3 {
		to = append(to, t.TempDir())
		rs = append(rs, x.receive(to[len(to)-1], link))
	}
	for i, r := range rs {
		r.exits(0)
		equal(t, to[i], from)
	}
	s.exits(0)
}

func TestExpiredAndRevokedLinks(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 10)
	s := x.send("--expires", "10s", filepath.Join(from, "a"))
	link := s.link()
	s.exits(1)
	if !strings.Contains(s.stderr.String(), "nobody came") {
		t.Errorf("the sender of an expired link: %q", s.stderr.String())
	}
	r := x.receive(to, link)
	r.exits(1)
	if !strings.Contains(r.stderr.String(), "expired") {
		t.Errorf("an expired link: %q", r.stderr.String())
	}
	s = x.send(filepath.Join(from, "a"))
	if again := s.link(); again == link {
		t.Error("an expired link is sent again")
	}
	link = s.link()
	s.says("Waiting")
	s.cmd.Process.Signal(os.Interrupt)
	s.exits(130)
	r = x.receive(to, link)
	r.exits(1)
	if !strings.Contains(r.stderr.String(), "withdr") && !strings.Contains(r.stderr.String(), "revoked") {
		t.Errorf("a revoked link: %q", r.stderr.String())
	}
}

// Who only looks at a link takes nothing of it.
func TestPreviewOfALinkTakesNothing(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 1000)
	s := x.send(filepath.Join(from, "a"))
	page, _, _ := strings.Cut(s.link(), "#")
	_, path, _ := strings.Cut(strings.TrimPrefix(page, "https://"), "/")
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, of := range []string{path, "v1/transfers/" + strings.TrimPrefix(path, "t/")} {
			req, err := http.NewRequest(method, x.http.base+"/"+of, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("User-Agent", "Slackbot-LinkExpanding 1.0")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
	}
	r := x.receive(to, s.link())
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

func TestTransferUsage(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"send":                "say what to send",
		"send --text hello a": "exclude each other",
		"send /does/not/exist --server http://127.0.0.1:1": "no file or folder /does/not/exist",
		"send - a":                          "alone",
		"send a --receivers 0":              "--receivers",
		"send a --expires 1s":               "--expires",
		"send a --limit fast":               "a rate is",
		"send a --server example.org":       "--server",
		"send a --data /does/not/exist":     "no server is running",
		"receive --to /does/not/exist x":    "there is no folder",
		"receive hello":                     "a code is a number and two words",
		"receive 7-walnut-walnut":           `"walnut" is no word`,
		"receive https://example.org/t/abc": "no link to files",
		"receive --to - --json x":           "exclude each other",
		"receive --only [a x":               "--only",
		"receive --only / x":                "chooses nothing",
	} {
		code, out, errs := verb(t, strings.Fields(args)...)
		if code != 2 && !strings.Contains(want, "no server") || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want %q", args, code, out, errs, want)
		}
	}
}
