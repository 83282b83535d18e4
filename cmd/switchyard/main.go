// Command switchyard is applied WebRTC in one binary: the server and its command-line clients, one
// verb per use case. Standard output is data, standard error is talk.
//
// Exit codes: 0 done, 1 failed, 2 used wrongly, 130 files in transfer and stopped by a signal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// CLI lists the verbs. Each verb is a struct of flags in a file of its own with a method
// Run(ctx context.Context, std *Streams) error; ctx ends at the first SIGINT or SIGTERM.
type CLI struct {
	Serve   ServeCmd   `cmd:"" help:"Run the server."`
	Invite  InviteCmd  `cmd:"" help:"Make a link that lets people into a room."`
	Token   TokenCmd   `cmd:"" help:"Print a token for a room."`
	Publish PublishCmd `cmd:"" help:"Send a file or a test clip to a room or a WHIP endpoint."`
	Watch   WatchCmd   `cmd:"" help:"Receive from a room or a WHEP endpoint and say what arrives."`
	Send    SendCmd    `cmd:"" help:"Send files, folders or a text by a link, straight to another device."`
	Receive ReceiveCmd `cmd:"" help:"Receive what a link or a code offers."`
	Pair    PairCmd    `cmd:"" help:"Make this machine and another device know each other, to send without links."`
	Devices DevicesCmd `cmd:"" help:"List the paired devices, rename or forget one."`
	Shot    ShotCmd    `cmd:"" help:"Make a link to a picture of the screen, or to what was copied."`
	Bench   BenchCmd   `cmd:"" help:"Measure a server under load."`
	Rooms   RoomsCmd   `cmd:"" help:"List the rooms of a running server."`
	Room    RoomCmd    `cmd:"" help:"Show, create, change or close a room."`
	Kick    KickCmd    `cmd:"" help:"Remove somebody from a room."`
	Mute    MuteCmd    `cmd:"" help:"Mute somebody in a room, or everyone."`
	Webhook WebhookCmd `cmd:"" help:"Receive what a server tells of its rooms, for development."`
	Doctor  DoctorCmd  `cmd:"" help:"Find out whether calls work from here, and what is in the way."`
	Health  HealthCmd  `cmd:"" help:"Ask a running server how it is."`
	Version VersionCmd `cmd:"" help:"Print what this binary was built from."`
	Help    HelpCmd    `cmd:"" help:"Explain a verb."`
}

// Streams are the three standard streams, so that verbs can be tested without a process.
type Streams struct {
	In  io.Reader
	Out io.Writer // data: what a script reads
	Err io.Writer // talk: progress, hints, errors
}

// Usagef returns an error that says that the verb was used wrongly: exit code 2.
func Usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	os.Exit(run(untilSignal(), os.Args[1:], &Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// untilSignal returns a context that ends with the first signal. Before it does, the default handling is back: a
// second signal ends the process at once, however early it comes.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}

// run parses args, runs the verb and returns the exit code.
func run(ctx context.Context, args []string, std *Streams) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	exited, code := false, 0
	parser, err := kong.New(&CLI{},
		kong.Name("switchyard"),
		kong.Description("Calls, broadcasts and data over WebRTC, from one binary. Begin with: switchyard serve"),
		kong.Writers(std.Out, std.Err),
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
		kong.Configuration(loadSettings),
		kong.ExplicitGroups(flagGroups),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return fail(std, err)
	}
	verb, err := parser.Parse(args)
	if exited { // --help was printed; kong goes on parsing where Exit returns
		return code
	}
	if err != nil {
		fmt.Fprintf(std.Err, "switchyard: %s\nTry: %s\n", parseSentence(err), helpFor(err))
		return 2
	}
	return fail(std, verb.Run())
}

// fail prints err, if any, and returns the exit code for it.
func fail(std *Streams, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(std.Err, "switchyard: %s\n", inWords(err))
	switch {
	case errors.As(err, new(usageError)):
		return 2
	case errors.Is(err, errInterrupted):
		return 130
	}
	return 1
}
