package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever uses a verb wrongly, or has no server, is told in one sentence what to do, and gets the code for it.
func TestMistakesAreTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := filepath.Join(dir, "none")
	const nobody = "http://127.0.0.1:9" // discard: nothing listens there
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"bogus", 2, "there is no verb bogus"},
		{"serv", 2, `did you mean one of "serve", "send"?`},
		{"serve --bogus", 2, "unknown flag --bogus"},
		{"serve --http", 2, "--http needs a value"},
		{"serve --drain-limit soon", 2, "--drain-limit must be a duration such as 30s"},
		{"serve --room-participants many", 2, "--room-participants must be a whole number"},
		{"serve --log-level loud", 2, "--log-level must be one of"},
		{"serve --config " + none, 2, "there is no configuration file " + none},
		{"serve --config " + dir, 2, "cannot read the configuration file " + dir},
		{"serve --config " + file("a.yaml", "htpp: x\n"), 2, `line 1: unknown key "htpp": did you mean "http"?`},
		{"serve --config " + file("b.yaml", "http: [a\n"), 2, "not YAML"},
		{"serve --config " + file("c.yaml", "drain-limit: soon\n"), 2, "--drain-limit must be a duration"},
		{"serve --http 127.0.0.1:0 --media 127.0.0.1:0 --data /proc/none", 1, "choose another with --data"},
		{"serve --http nonsense", 1, "give --http an address"},
		{"room", 2, "an argument is missing"},
		{"kick demo", 2, "an argument is missing"},
		{"mute x --kind smell", 2, "--kind must be one of"},
		{"invite", 2, "give --room=ROOM"},
		{"webhook", 2, "say which"},
		{"publish --room x " + none, 2, "there is no file " + none},
		{"room demo --create --options {\"nope\":1} --server " + nobody + " --token x", 2, `--options: unknown field "nope"`},
		{"room demo --options { --server " + nobody + " --token x", 2, "--options must be a JSON object"},
		{"rooms --server " + nobody + " --token x", 1, "the connection was refused; check the address"},
		{"rooms --server http://none.invalid --token x", 1, "the server http://none.invalid does not answer"},
		{"health --server " + nobody, 1, "the connection was refused; check the address"},
		{"invite --room x --server " + nobody + " --token x", 1, "the connection was refused; check the address"},
		{"watch --server " + nobody + "/i/AAAAAAAAAAAAAAAAAAAAAAAAAA", 1, "the connection was refused; check the address"},
	} {
		code, out, errs := verb(t, strings.Fields(c.args)...)
		said, help, _ := strings.Cut(strings.TrimSuffix(errs, "\n"), "\n")
		if code != c.code || out != "" || !strings.Contains(said, c.want) || !strings.HasPrefix(said, "switchyard: ") {
			t.Errorf("%s: %d %q %q, want %d %q", c.args, code, out, errs, c.code, c.want)
		}
		if help != "" && (code != 2 || !strings.HasPrefix(help, "Try: switchyard ") || strings.Contains(help, "\n")) {
			t.Errorf("%s: then %q", c.args, help)
		}
		for _, bad := range []string{"goroutine ", "AAAA", "EOL", "strconv", "admin: ", "client: "} {
			if strings.Contains(errs, bad) {
				t.Errorf("%s: says %q: %s", c.args, bad, errs)
			}
		}
	}
}

// What a running server refuses is told in its words, without codes, types or JSON.
func TestRefusalsAreToldInTheServersWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	for _, c := range []struct{ args, want string }{
		{"room demo --data " + dir, "create it with switchyard room demo --create"},
		{"rooms --token x --data " + dir, "This is not a token."},
		{"watch --room demo --token x --data " + dir, "This is not a token."},
		{"publish --room demo --token x --data " + dir, "This is not a token."},
		{"watch --server " + s.base + "/i/AAAAAAAAAAAAAAAAAAAAAAAAAA", "There is no such invitation."},
		{"kick demo ann --data " + dir, "The room is not open"},
	} {
		code, _, errs := verb(t, strings.Fields(c.args)...)
		if code != 1 || !strings.HasPrefix(errs, "switchyard: ") || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 ||
			strings.ContainsAny(errs, "{}") || strings.Contains(errs, "protocol:") || strings.Contains(errs, "POST") {
			t.Errorf("%s: %d %q, want %q", c.args, code, errs, c.want)
		}
	}
}
