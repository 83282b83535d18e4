package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"switchyard/device/clipboard"
	"switchyard/device/notify"
	"switchyard/device/screen"
)

// deskTime is how long the desktop may take to show a message or to keep what was copied.
const deskTime = 2 * time.Second

// desk is what a shot does on the desktop besides the picture: the clipboard and messages. It does what it can: a picture
// is sent all the same where there is neither.
type desk struct {
	ctx    context.Context // of the verb
	notify bool
	copies bool
	alone  bool            // no terminal: a hotkey started us, and only the desktop can tell what happens
	before *clipboard.Form // what our link took the place of, where we know it

	owner clipboard.Owner // of the link; nil when it is not on the clipboard
	told  sync.WaitGroup  // messages under way
}

// link puts the link on the clipboard and says so.
func (d *desk) link(link string) string {
	if !d.copies {
		return ""
	}
	o, err := clipboard.Write(context.WithoutCancel(d.ctx), clipboard.Form{Type: clipboard.Text, Data: []byte(link)},
		clipboard.Form{Type: "text/uri-list", Data: []byte(link + "\r\n")})
	if err != nil {
		d.tell("The link is not on the clipboard", inWords(err))
		return "The link is not on the clipboard: " + inWords(err)
	}
	d.owner = o
	if d.alone {
		d.tell("The link is on the clipboard", "Paste it where the receiver sees it. It works as long as it is not used or expired.")
	}
	return "It is on the clipboard."
}

// received tells that somebody has it.
func (d *desk) received(what, who string) {
	if who == "" {
		who = "The receiver"
	}
	d.tell(who+" received it", what)
}

// failed tells what went wrong to somebody who sees no terminal.
func (d *desk) failed(err error) {
	if err == nil || !d.alone || errors.Is(err, errInterrupted) || errors.Is(err, screen.ErrCancelled) {
		return
	}
	d.tell("The screenshot was not sent", inWords(err))
}

// tell shows a message, if there is who shows it.
func (d *desk) tell(title, text string) {
	if !d.notify {
		return
	}
	d.told.Go(func() { // for deskTime at most; close waits for it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), deskTime)
		defer cancel()
		_ = notify.Show(ctx, title, text) // best effort: standard error says it too
	})
}

// close takes the link, which is worth nothing any more, off the clipboard. What was there before comes back, where a
// clipboard manager keeps it for us.
func (d *desk) close() {
	defer d.told.Wait()
	if d.owner == nil {
		return
	}
	select {
	case <-d.owner.Lost(): // something newer is there
		_ = d.owner.Close()
		return
	default:
	}
	_ = d.owner.Close()
	if d.before == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), deskTime)
	defer cancel()
	o, err := clipboard.Write(ctx, *d.before)
	if err != nil {
		return
	}
	_ = o.Save(ctx)
	_ = o.Close()
}
