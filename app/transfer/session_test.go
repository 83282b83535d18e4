package transfer

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

var _ client.Sealer = (*sealer)(nil)

var among = parties{room: "t-abc", receiver: "r-1", sender: sender}

// over passes a word as it goes through the server.
func over(t *testing.T, w word) word {
	t.Helper()
	b, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	w, err = parseWord(b)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func shake(t *testing.T, at, to parties, receivers, senders []byte) (*pake.Keys, *pake.Keys, error) {
	t.Helper()
	g, err := greet(at, byLink, receivers)
	if err != nil {
		t.Fatal(err)
	}
	h, err := welcome(to, senders, over(t, g.hello))
	if err != nil {
		t.Fatal(err)
	}
	keys, answer, err := g.answered(over(t, h.answer))
	if err != nil {
		if answer.T != wordRefused {
			t.Errorf("a wrong secret is answered by %q", answer.T)
		}
		if h.confirmed(word{Confirm: make([]byte, 32)}) == nil {
			t.Error("a confirmation of zeros is good")
		}
		return nil, nil, err
	}
	if err := h.confirmed(over(t, answer)); err != nil {
		t.Errorf("the receiver agrees, the sender does not: %v", err)
	}
	return keys, h.keys, nil
}

func TestHandshake(t *testing.T) {
	key := newKey()
	right := pake.LinkSecret(key, "")
	receivers, senders, err := shake(t, among, among, right, right)
	if err != nil {
		t.Fatal(err)
	}
	a, b := newSealer(pake.Receiver), newSealer(pake.Sender)
	a.set(sender, receivers)
	b.set("r-1", senders)
	box, err := a.Seal(sender, "t-1", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := b.Open("r-1", "t-1", box); err != nil || string(plain) != "hello" {
		t.Errorf("opened: %q, %v", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another link":           func() ([]byte, error) { return b.Open("r-1", "t-2", box) },
		"a word of data":         func() ([]byte, error) { return b.open("r-1", "data", box) },
		"somebody else":          func() ([]byte, error) { return b.Open("r-2", "t-1", box) },
		"the other side's own":   func() ([]byte, error) { return a.Open(sender, "t-1", box) },
		"a box that was changed": func() ([]byte, error) { return b.Open("r-1", "t-1", "A"+box[1:]) },
	} {
		if plain, err := open(); err == nil && name != "a box that was changed" || err == nil && box[0] != 'A' {
			t.Errorf("%s opened: %q", name, plain)
		}
	}
}

// Whoever differs in the secret, or in what the server says of who is where, does not agree.
func TestHandshakeOfDifferentEnds(t *testing.T) {
	key, other := newKey(), newKey()
	elsewhere, renamed := among, among
	elsewhere.room, renamed.receiver = "t-abd", "r-2"
	for name, c := range map[string]struct {
		to                 parties
		receivers, senders []byte
	}{
		"another key":        {among, pake.LinkSecret(key, ""), pake.LinkSecret(other, "")},
		"another passphrase": {among, pake.LinkSecret(key, "a"), pake.LinkSecret(key, "b")},
		"no passphrase":      {among, pake.LinkSecret(key, ""), pake.LinkSecret(key, "b")},
		"another room":       {elsewhere, pake.LinkSecret(key, ""), pake.LinkSecret(key, "")},
		"another name":       {renamed, pake.LinkSecret(key, ""), pake.LinkSecret(key, "")},
	} {
		if _, _, err := shake(t, among, c.to, c.receivers, c.senders); !errors.Is(err, errSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHandshakeOfAnotherVersion(t *testing.T) {
	g, err := greet(among, byLink, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	g.hello.V = 2
	if _, err := welcome(among, []byte("secret"), g.hello); !errors.Is(err, errVersion) {
		t.Errorf("welcome: %v", err)
	}
	if _, _, err := g.answered(word{T: wordHello, V: 2}); !errors.Is(err, errVersion) {
		t.Errorf("answered: %v", err)
	}
}

func FuzzHandshake(f *testing.F) {
	g, err := greet(among, byLink, []byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	h, err := welcome(among, []byte("secret"), g.hello)
	if err != nil {
		f.Fatal(err)
	}
	for _, w := range []word{g.hello, h.answer, {T: wordConfirm}, {T: wordRefused, Reason: reasonSecret}, {T: wordHello, V: 1}} {
		b, _ := json.Marshal(w)
		f.Add(b)
	}
	f.Add([]byte(`{"t":"hello","v":1,"nonce":"!","share":7}`))
	own, _ := json.Marshal(h.answer)
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWord(b)
		if err != nil {
			return
		}
		if other, err := welcome(among, []byte("another secret"), w); err == nil && other.confirmed(w) == nil {
			t.Errorf("%s confirms itself", b)
		}
		if _, _, err := g.answered(w); err == nil && string(w.Share) != string(h.answer.Share) {
			t.Errorf("%s is taken for the sender of %s", b, own)
		}
		if h.confirmed(w) == nil {
			t.Errorf("%s confirms", b)
		}
	})
}

func FuzzParseSecret(f *testing.F) {
	f.Add([]byte(`{"link":{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","key":"AAAAAAAAAAAAAAAAAAAAAA.p"}}`))
	f.Add([]byte(`{"relay":true}`))
	f.Add([]byte(`{"bye":"\u001b[2J"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseSecret(b)
		if err != nil {
			return
		}
		if w.Link != nil && validID(w.Link.ID) {
			l, err := ParseLink("https://example.org/t/" + w.Link.ID + "#" + w.Link.Key)
			if err == nil && (l.Server != "https://example.org" || filepath.Base(ticketFile("/x", l.ID)) != ticketPrefix+l.ID) {
				t.Errorf("%s leads to %v", b, l)
			}
		}
	})
}

func TestParseLink(t *testing.T) {
	id, key := "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AAECAwQFBgcICQoLDA0ODw"
	for text, want := range map[string]Link{
		"https://example.org/t/" + id + "#" + key:               {Server: "https://example.org", ID: id},
		" 'https://example.org/t/" + id + "#" + key + "'\n":     {Server: "https://example.org", ID: id},
		"http://[::1]:8080/t/" + id + "#" + key + ".p":          {Server: "http://[::1]:8080", ID: id, Passphrase: true},
		"https://example.org/switch/yard/t/" + id + "#" + key:   {Server: "https://example.org/switch/yard", ID: id},
		"https://user:pw@example.org/t/" + id + "?utm=1#" + key: {Server: "https://example.org", ID: id},
	} {
		for i := range want.Key {
			want.Key[i] = byte(i)
		}
		got, err := ParseLink(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
			continue
		}
		if again, err := ParseLink(got.String()); err != nil || again != got {
			t.Errorf("%q: written as %q", text, got.String())
		}
	}
	for _, text := range []string{
		"", "https://example.org/", "https://example.org/t/" + id, "https://example.org/t/" + id + "#", "ftp://example.org/t/" + id + "#" + key,
		"https://example.org/t/../../etc/passwd#" + key, "https://example.org/t/" + id + "#" + key[1:], "https://example.org/t/" + id + "#" + key + ".q",
		"https:///t/" + id + "#" + key, "https://example.org/i/" + id + "#" + key, "https://example.org/t/short#" + key,
	} {
		if l, err := ParseLink(text); !errors.Is(err, ErrLink) {
			t.Errorf("%q: %+v, %v", text, l, err)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("https://example.org/t/ABCDEFGHIJKLMNOPQRSTUVWXYZ#AAECAwQFBgcICQoLDA0ODw.p")
	f.Add("http://%zz/t/#")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLink(text)
		if err != nil {
			return
		}
		if again, err := ParseLink(l.String()); err != nil || again != l {
			t.Errorf("%q is read as %+v and that as %+v, %v", text, l, again, err)
		}
	})
}

func TestTickets(t *testing.T) {
	dir := t.TempDir()
	link := Link{Server: "https://example.org", ID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Key: newKey()}
	write := func(id string, of ticket) string {
		path := ticketFile(dir, id)
		if err := writeSecret(path, of); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := write(link.ID, ticket{Link: link.String(), Token: "x", Accepted: time.Now()})
	old := write("ZYXWVUTSRQPONMLKJIHGFEDCBA", ticket{Link: link.String(), Token: "y", Accepted: time.Now().Add(-8 * 24 * time.Hour)})
	if err := os.WriteFile(ticketFile(dir, "BROKENBROKENBROKEN"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", ticketFile(dir, "ENDLESSENDLESSENDLESS")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a ticket can be read by others: %v, %v", info.Mode(), err)
	}
	elsewhere := link
	elsewhere.Server = "http://192.0.2.1:8080" // the same server by another address
	if got := findTicket(dir, func(k *ticket) bool { return k.of(elsewhere) }); got == nil || got.Token != "x" {
		t.Errorf("found %+v", got)
	}
	other := link
	other.Key = newKey()
	if got := findTicket(dir, func(k *ticket) bool { return k.of(other) }); got != nil {
		t.Errorf("the ticket of another link: %+v", got)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an expired ticket stays")
	}
	if got := Unfinished(dir); len(got) != 1 || got[0] != link.String() {
		t.Errorf("unfinished: %v", got)
	}
}

func TestUnreadableWordsAreRefused(t *testing.T) {
	for _, text := range []string{"", "7", "null", "[]", `{"t":""}`, `{"t":7}`, `{"t":"hello","share":"="}`, `{"t":"hello","box":"` + strings.Repeat("a", maxWord) + `"}`} {
		if w, err := parseWord([]byte(text)); !errors.Is(err, errWord) {
			t.Errorf("%.40q: %+v, %v", text, w, err)
		}
	}
}

// Who is who follows from what the server gave out as identity.
func TestIdentities(t *testing.T) {
	for id, want := range map[protocol.ParticipantID][2]bool{"r-1": {true, false}, "c-1": {false, true}, "sender": {}, "": {}, "x": {}} {
		if isReceiver(id) != want[0] || isGuest(id) != want[1] {
			t.Errorf("%q", id)
		}
	}
}
