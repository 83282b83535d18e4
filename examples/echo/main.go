// Echo joins a room and sends back whatever comes over participant links: a file, say, or keystrokes.
// It is the other end of a data link, to try a page or a network against. It runs until SIGINT.
//
//	go run ./examples/echo "http://localhost:8080/r/demo?token=$(switchyard token --room demo --identity echo --grants data)"
//
// With the name of a participant as second word it opens the link itself, and says hello first.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/protocol"
)

// buffered is how many bytes may wait to be sent back until reading pauses.
const buffered = 1 << 20

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: echo 'http://HOST/r/ROOM?token=TOKEN' [PARTICIPANT]")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	room, err := client.Dial(ctx, client.Options{URL: os.Args[1], Name: "Echo", NoData: true,
		Events: client.Events{Link: func(l *client.Link) { go accept(ctx, l) }}})
	if err != nil {
		log.Fatal(err)
	}
	defer room.Close()
	log.Print("joined as ", room.ID())
	for _, peer := range os.Args[2:] {
		if err := hello(ctx, room, protocol.ParticipantID(peer)); err != nil {
			log.Print(err)
		}
	}
	select {
	case <-ctx.Done():
	case <-room.Done():
		log.Print(room.Err())
	}
}

// accept takes all channels of a link that the other end opens.
func accept(ctx context.Context, l *client.Link) {
	log.Printf("link %s with %s", l.Name(), l.Peer())
	for {
		if _, err := l.Accept(ctx, echo); err != nil {
			log.Printf("link %s with %s: %v", l.Name(), l.Peer(), err)
			return
		}
	}
}

// hello opens a link and a channel.
func hello(ctx context.Context, room *client.Client, peer protocol.ParticipantID) error {
	l, err := room.OpenLink(ctx, peer)
	if err != nil {
		return err
	}
	go accept(ctx, l)
	d, err := l.Open("echo", nil)
	if err != nil {
		return err
	}
	echo(d)
	d.OnOpen(func() { _ = d.SendText("hello") }) // fails where the link has ended, which accept tells
	return nil
}

// echo sends back what comes, as text or binary as it was. While too much waits to be sent, nothing is
// read: then SCTP's window closes, and the other end's bufferedAmount grows instead of our memory.
func echo(d *webrtc.DataChannel) {
	room, closed := make(chan struct{}, 1), make(chan struct{})
	d.SetBufferedAmountLowThreshold(buffered / 2)
	d.OnBufferedAmountLow(func() {
		select {
		case room <- struct{}{}:
		default:
		}
	})
	d.OnClose(func() { close(closed) })
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		for d.BufferedAmount() > buffered {
			select {
			case <-room:
			case <-closed:
				return
			}
		}
		send := d.Send
		if m.IsString {
			send = func(b []byte) error { return d.SendText(string(b)) }
		}
		if err := send(m.Data); err != nil {
			log.Printf("channel %s: %v", d.Label(), err)
		}
	})
}
