// Speakers joins a room and prints who speaks: go run ./examples/speakers LINK, where LINK is an
// invitation. Three to listen to: switchyard publish --copies 3 --talk --room ROOM.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"switchyard/client"
	"switchyard/protocol"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: speakers INVITATION-LINK")
	}
	ctx := context.Background()
	pass, err := client.Accept(ctx, os.Args[1], "listener", nil)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Dial(ctx, client.Options{
		URL: pass.Server, Room: pass.Room, Token: pass.Token, Name: "listener",
		Events: client.Events{Speakers: func(list []protocol.Speaker) {
			for _, s := range list {
				fmt.Printf("%s speaks (%.0f %%)\n", s.Participant, s.Level*100)
			}
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	<-c.Done()
	log.Print(c.Err())
}
