package clipboard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// readWayland asks wl-paste.
func readWayland(ctx context.Context, types []string) (Form, error) {
	list, err := paste(ctx, "--list-types")
	if err != nil {
		return Form{}, err
	}
	target, mime := pick(strings.Split(strings.TrimSpace(string(list)), "\n"), types)
	if target == "" {
		return Form{}, ErrEmpty
	}
	data, err := paste(ctx, "--no-newline", "--type", target)
	if err == nil && len(data) == 0 {
		err = ErrEmpty
	}
	if err != nil {
		return Form{}, err
	}
	return Form{mime, decode(mime, target, data)}, nil
}

// paste runs wl-paste and gives what it prints.
func paste(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wl-paste", args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, noClipboard()
	}
	data, err := io.ReadAll(io.LimitReader(out, mostData+1))
	if len(data) > mostData {
		cancel()
		err = errTooLarge
	}
	if failed := cmd.Wait(); err == nil && failed != nil {
		if ctx.Err() != nil {
			return nil, errSilent
		}
		return nil, saidByPaste(talk.String())
	}
	return data, err
}

// saidByPaste puts what wl-paste says into words of ours.
func saidByPaste(talk string) error {
	for _, none := range []string{"Nothing is copied", "No selection", "No suitable type"} {
		if strings.Contains(talk, none) {
			return ErrEmpty
		}
	}
	return fmt.Errorf("clipboard: wl-paste cannot read it: %s", strings.TrimSpace(talk))
}

// ownerWayland is a wl-copy that stays in the foreground: it ends when somebody else copies.
type ownerWayland struct {
	form Form
	cmd  *exec.Cmd
	lost chan struct{}
}

// ownWayland offers the first form: wl-copy knows one, and adds the other names of text itself.
func ownWayland(_ context.Context, forms []Form) (Owner, error) {
	o := &ownerWayland{form: forms[0], lost: make(chan struct{})}
	o.cmd = copyCommand(context.Background(), o.form, "--foreground") // Close ends it
	if err := o.cmd.Start(); err != nil {
		return nil, noClipboard()
	}
	go func() { // until wl-copy ends
		defer close(o.lost)
		_ = o.cmd.Wait()
	}()
	return o, nil
}

// copyCommand is a wl-copy of a form, out of reach of the terminal's Ctrl-C: it ends when we say so.
func copyCommand(ctx context.Context, f Form, more ...string) *exec.Cmd {
	kind := f.Type
	if kind == Text {
		kind = "text/plain;charset=utf-8"
	}
	cmd := exec.CommandContext(ctx, "wl-copy", append([]string{"--type", kind}, more...)...)
	cmd.Stdin = bytes.NewReader(f.Data)
	apart(cmd)
	return cmd
}

// Lost is closed when somebody else copied something.
func (o *ownerWayland) Lost() <-chan struct{} { return o.lost }

// Save hands over to a wl-copy in the background, which keeps it until somebody else copies.
func (o *ownerWayland) Save(ctx context.Context) error {
	if err := copyCommand(ctx, o.form).Run(); err != nil { // it returns when the one in the background has it
		return fmt.Errorf("clipboard: wl-copy does not keep it: %w", err)
	}
	return nil
}

// Close gives the clipboard up.
func (o *ownerWayland) Close() error {
	_ = o.cmd.Process.Kill() // it may have ended by itself
	<-o.lost
	return nil
}
