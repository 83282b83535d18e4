package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"switchyard/app/transfer"
	"switchyard/store"
)

// trusted is what this machine keeps of the devices that it was paired with, in a file that only its user can read.
type trusted struct {
	file string

	Presence  string          `json:"presence"` // what servers know us by
	Pairs     []transfer.Pair `json:"pairs"`
	Forgotten []string        `json:"forgotten"` // ids, of no use but to be known when paired anew
}

// loadTrusted reads the file, or begins a new one.
func loadTrusted() (*trusted, error) {
	folder, err := stateFolder()
	if err != nil {
		return nil, err
	}
	t := &trusted{file: filepath.Join(folder, "pairs.json")}
	data, err := os.ReadFile(t.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.Presence = rand.Text()
		return t, nil
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(data, t); err != nil || t.Presence == "" {
		return nil, fmt.Errorf("the list of paired devices %s is damaged: restore it, or remove it and pair them again", t.file)
	}
	return t, nil
}

func (t *trusted) save() error {
	data, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(t.file), 0o700); err != nil {
		return err
	}
	return store.WriteFile(t.file, append(data, '\n'))
}

// remember keeps a device. One that was paired before takes its own place, with the name that it has here; a name that
// another one has gets a number.
func (t *trusted) remember(p transfer.Pair) (transfer.Pair, error) {
	if i := slices.IndexFunc(t.Pairs, func(q transfer.Pair) bool { return p.Before != "" && q.ID() == p.Before }); i >= 0 {
		p.Name = t.Pairs[i].Name
		t.Pairs[i] = p
		return p, t.save()
	}
	name := p.Name
	for n := 2; t.index(p.Name) >= 0; n++ {
		p.Name = fmt.Sprintf("%s %d", name, n)
	}
	t.Pairs = append(t.Pairs, p)
	return p, t.save()
}

// forget forgets the device at i.
func (t *trusted) forget(i int) error {
	t.Forgotten = append([]string{t.Pairs[i].ID()}, t.Forgotten[:min(len(t.Forgotten), mostForgotten-1)]...)
	t.Pairs = slices.Delete(t.Pairs, i, i+1)
	return t.save()
}

const mostForgotten = 16

// known are the ids by which an earlier pair is found again.
func (t *trusted) known() (ids []string) {
	for _, p := range t.Pairs {
		ids = append(ids, p.ID())
	}
	return append(ids, t.Forgotten...)
}

func (t *trusted) index(name string) int {
	return slices.IndexFunc(t.Pairs, func(p transfer.Pair) bool { return strings.EqualFold(p.Name, name) })
}

// find is the device of that name; its error says which there are.
func (t *trusted) find(name string) (int, error) {
	if i := t.index(name); i >= 0 {
		return i, nil
	}
	if len(t.Pairs) == 0 {
		return 0, Usagef("no device was paired with this one yet: run switchyard pair here or there")
	}
	var names []string
	for _, p := range t.Pairs {
		names = append(names, fmt.Sprintf("%q", p.Name))
	}
	return 0, Usagef("no paired device is called %q: there is %s", name, strings.Join(names, ", "))
}

// of are the pairs of one server.
func (t *trusted) of(server string) (list []transfer.Pair) {
	for _, p := range t.Pairs {
		if p.Server == server {
			list = append(list, p)
		}
	}
	return list
}
