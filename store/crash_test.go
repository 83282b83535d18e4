//go:build unix

package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary run as the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_WRITER"); dir != "" {
		writer(dir)
	}
	os.Exit(m.Run())
}

// writer writes without end and prints every key whose write was acknowledged.
func writer(dir string) {
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{}, nil)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		key := Key("k", fmt.Sprint(i))
		if _, err := s.Put(ctx, key, bytes.Repeat([]byte{byte(i)}, 4096), 0); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(key)
	}
}

// runWriter starts the writer and returns it with the lines that it prints.
func runWriter(t *testing.T, name string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = t.Output()
	out := must(cmd.StdoutPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestKilledWriterLosesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STORE_TEST_WRITER", dir)
	var acknowledged []string
	for round := range 3 {
		cmd, lines := runWriter(t, os.Args[0])
		for n := 0; n < 40 && lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Fatal(lines.Text())
			}
			if round == 0 {
				acknowledged = append(acknowledged, lines.Text())
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
	}
	if len(acknowledged) != 40 {
		t.Fatalf("the writer wrote %d keys", len(acknowledged))
	}
	s := openTest(t, dir)
	for _, key := range acknowledged {
		if e := must(s.Get(t.Context(), key))(t); len(e.Value) != 4096 {
			t.Fatalf("%s has %d bytes", key, len(e.Value))
		}
	}
}

// TestDiskFull runs the writer on a file system of 3 MB, in a mount namespace of its own.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STORE_TEST_WRITER", dir)
	start := time.Now()
	cmd, lines := runWriter(t, "unshare", "--mount", "--map-root-user", "sh", "-c",
		`mount -t tmpfs -o size=3m tmpfs "$STORE_TEST_WRITER" && exec "$0"`, os.Args[0])
	defer cmd.Process.Kill()
	last, n := "", 0
	for ; lines.Scan(); n++ {
		last = lines.Text()
	}
	if !strings.Contains(last, ErrFull.Error()) {
		t.Fatalf("after %d writes in %v: %q", n, time.Since(start), last)
	}
}

func TestCorruptFolder(t *testing.T) {
	garbage := bytes.Repeat([]byte("garbage "), 1000)
	for _, c := range []struct{ name, file string }{
		{"stream description", "meta.inf"},
		{"its checksum", "meta.sum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := writtenFolder(t)
			damage(t, dir, c.file, garbage)
			_, err := Open(t.Context(), dir, Options{}, testLog(t))
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("got %v", err)
			}
		})
	}
	t.Run("data", func(t *testing.T) {
		dir := writtenFolder(t)
		damage(t, dir, "1.blk", garbage)
		damage(t, dir, "index.db", garbage)
		_, err := Open(t.Context(), dir, Options{}, testLog(t))
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("index only", func(t *testing.T) { // it is rebuilt from the data
		dir := writtenFolder(t)
		damage(t, dir, "index.db", garbage)
		s := openTest(t, dir)
		if keys := must(s.Keys(t.Context(), ""))(t); len(keys) != 10 {
			t.Fatalf("%d keys", len(keys))
		}
	})
}

func TestFolderNotWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(file, "nats"), Options{}, testLog(t)); err == nil {
		t.Fatal("opened below a file")
	}
}

func writtenFolder(t *testing.T) string {
	dir := t.TempDir()
	s := openTest(t, dir)
	for i := range 10 {
		must(s.Put(t.Context(), Key("k", fmt.Sprint(i)), []byte("value"), 0))(t)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// damage overwrites the files of that name below dir.
func damage(t *testing.T, dir, name string, with []byte) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "jetstream", "$G"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != name {
			return err
		}
		n++
		return os.WriteFile(path, with, 0o600)
	})
	if err != nil || n == 0 {
		t.Fatalf("damaged %d files %s: %v", n, name, err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := LoadKey(dir); !errors.Is(err, ErrNoKey) {
		t.Fatalf("got %v", err)
	}
	keys := make(chan []byte, 8)
	for range cap(keys) {
		go func() {
			key, err := LoadOrCreateKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	first := <-keys
	if len(first) != KeySize || bytes.Equal(first, make([]byte, KeySize)) {
		t.Fatalf("key of %d bytes", len(first))
	}
	for range cap(keys) - 1 {
		if !bytes.Equal(first, <-keys) {
			t.Fatal("two keys were made")
		}
	}
	info := must(os.Stat(filepath.Join(dir, "key")))(t)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
	if entries := must(os.ReadDir(dir))(t); len(entries) != 1 {
		t.Fatalf("left behind: %v", entries)
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatalf("damaged key: %v", err)
	}
}
