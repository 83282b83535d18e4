package switchyard_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// lockAddress is a download address as lock files of npm hold it: it ties a clone to the registry
// of whoever wrote the file.
var lockAddress = regexp.MustCompile(`"resolved"\s*:\s*"(https?|git|file):`)

// machinePaths matches absolute paths that exist only where the tree lies now: its parent folder and
// the home of the user. Folders that every machine has do not count.
func machinePaths(root, home string) *regexp.Regexp {
	var alternatives []string
	for _, dir := range []string{filepath.Dir(root), home} {
		switch filepath.ToSlash(dir) {
		case "", "/", ".", "/tmp", "/usr", "/usr/src", "/home", "/opt", "/root", "/var":
			continue
		}
		alternatives = append(alternatives, regexp.QuoteMeta(filepath.ToSlash(dir)))
	}
	if len(alternatives) == 0 {
		alternatives = []string{regexp.QuoteMeta(filepath.ToSlash(root))}
	}
	return regexp.MustCompile(`(^|[^A-Za-z0-9_.~-])(` + strings.Join(alternatives, "|") + `)/`)
}

// treeFaults lists what a tracked file must not hold.
func treeFaults(name string, content []byte, paths *regexp.Regexp) []string {
	if bytes.IndexByte(content, 0) >= 0 {
		return nil // binary
	}
	var faults []string
	for i, line := range bytes.Split(content, []byte("\n")) {
		if lockAddress.Match(line) {
			faults = append(faults, fmt.Sprintf("%s:%d: a download address: npm ci --omit-lockfile-registry-resolved writes none", name, i+1))
		}
		if m := paths.Find(line); m != nil {
			faults = append(faults, fmt.Sprintf("%s:%d: a path of this machine: %q", name, i+1, m))
		}
	}
	return faults
}

func TestTrackedFilesHoldNoAddressesOfThisMachine(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v (this test needs a git clone)", err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home, _ := os.UserHomeDir()
	paths := machinePaths(root, home)
	names := strings.Split(strings.Trim(string(out), "\x00"), "\x00")
	if len(names) < 10 {
		t.Fatalf("git lists %d files", len(names))
	}
	for _, name := range names {
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted in the working tree, or a link
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range treeFaults(name, content, paths) {
			t.Error(fault)
		}
	}
}

func TestTreeRulesCatch(t *testing.T) {
	paths := machinePaths("/builds/anna/switchyard", "/homes/anna")
	cases := []struct {
		line string
		want int
	}{
		{`"resolved` + `": "https://registry.example/x.tgz"`, 1},
		{`cd /builds/anna/switchyard`, 1},
		{`"/homes/anna/key.pem"`, 1},
		{`see https://example.com/builds/anna/x`, 0},
		{`/usr/bin/chromium /tmp/x`, 0},
		{`"integrity": "sha512-abc"`, 0},
	}
	for _, c := range cases {
		if got := treeFaults("f", []byte(c.line), paths); len(got) != c.want {
			t.Errorf("%q: %v, want %d faults", c.line, got, c.want)
		}
	}
	if machinePaths("/switchyard", "/root").MatchString("run as /root/ or in /src/x") {
		t.Error("folders of every machine count as paths of this one")
	}
}
