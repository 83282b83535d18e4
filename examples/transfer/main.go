// Transfer sends a file from one part of a program to another one, which might as well be on the other side of the world: both
// ends of a transfer in Go. The receiver knows nothing but the link.
//
//	go run ./examples/transfer http://localhost:8080 FILE FOLDER
//
// On a server that is not open put a token with the data grant into SWITCHYARD_TOKEN (`switchyard token --grants data`).
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"switchyard/app/transfer"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: transfer http://HOST FILE FOLDER")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	links, ended := make(chan string, 1), make(chan error, 2)
	go func() { ended <- send(ctx, os.Args[1], os.Args[2], links) }()
	go func() { ended <- receive(ctx, os.Args[1], <-links, os.Args[3]) }()
	for range 2 {
		if err := <-ended; err != nil {
			log.Fatal(err)
		}
	}
}

// send offers a file and returns when the receiver has verified every byte.
func send(ctx context.Context, server, file string, links chan<- string) error {
	source, err := transfer.NewSource([]string{file}, transfer.SourceOptions{})
	if err != nil {
		return err
	}
	defer source.Close()
	return transfer.Send(ctx, transfer.SendOptions{
		Server: server, Source: source, Token: os.Getenv("SWITCHYARD_TOKEN"), NoCode: true,
		Event: func(e transfer.Event) {
			if e.What == transfer.LinkMade {
				links <- e.Link
			} else if e.Text != "" {
				log.Print("sender: ", e.Text)
			}
		},
	})
}

// receive takes what a link offers into a folder, after a look at it. A link names its server by an address for other devices, where
// its certificate may be its own; we know a better one.
func receive(ctx context.Context, server, text, folder string) error {
	link, err := transfer.ParseLink(text)
	if err != nil {
		return err
	}
	link.Server = server
	return transfer.Receive(ctx, transfer.ReceiveOptions{
		From: link.String(), Folder: folder,
		Sink: transfer.SinkOptions{
			Ask: func(_ context.Context, o *transfer.Offer) error {
				log.Printf("receiver: %s, %d bytes in %d files", o.Name, o.Bytes, o.Files)
				return nil // an error would decline it
			},
			Saved: func(_, where string) { log.Print("receiver: have ", where) },
		},
		Event: func(e transfer.Event) {
			if e.Text != "" {
				log.Print("receiver: ", e.Text)
			}
		},
	})
}
