package main

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// parseWords puts what the parser says into words of ours; the first that fits counts.
var parseWords = []struct {
	shape *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`^(--[\w-]+): expected \w+ value but got "EOL".*$`), `$1 needs a value`},
	{regexp.MustCompile(`^(--[\w-]+): expected duration but got ("[^"]*").*$`), `$1 must be a duration such as 30s, 5m or 1h: $2 is none`},
	{regexp.MustCompile(`^(--[\w-]+): expected a valid [\d ]*bit u?int but got ("[^"]*").*$`), `$1 must be a whole number: $2 is none`},
	{regexp.MustCompile(`^(--[\w-]+): expected a float but got ("[^"]*").*$`), `$1 must be a number: $2 is none`},
	{regexp.MustCompile(`^(--[\w-]+): (?:strconv\.\w+: parsing|expected bool value but got|bool value must be true, 1, yes, false, 0 or no but got) ("[^"]*").*$`), `$1 does not take the value $2`},
	{regexp.MustCompile(`^(--[\w-]+) must be one of (.+) but got (.*)$`), `$1 must be one of $2: $3 is not`},
	{regexp.MustCompile(`^missing flags: (.*)$`), `give $1`},
	{regexp.MustCompile(`^expected ("<.*>.*")$`), `an argument is missing: $1`},
	{regexp.MustCompile(`^expected one of (.*)$`), `say which: one of $1`},
	{regexp.MustCompile(`^(?:\[?<[\w-]+>(?: \.\.\.)?\]?): stat (.*): no such file or directory$`), `there is no file $1`},
}

// parseSentence says to a person what is wrong with a command line or its configuration file.
func parseSentence(err error) string {
	text := err.Error()
	if path, ok := errors.AsType[*fs.PathError](err); ok && !strings.Contains(text, ">") {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "there is no configuration file " + path.Path + ": check --config"
		case errors.Is(err, fs.ErrPermission):
			return "not allowed to read the configuration file " + path.Path + ": run this as a user who may, or name another with --config"
		}
		return "cannot read the configuration file " + path.Path + ": name a file with --config (" + path.Err.Error() + ")"
	}
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context.Selected() == nil {
		if word, ok := strings.CutPrefix(text, "unexpected argument "); ok {
			return "there is no verb " + word
		}
	}
	for _, w := range parseWords {
		if w.shape.MatchString(text) {
			return w.shape.ReplaceAllString(text, w.words)
		}
	}
	return text
}

// helpFor is the command that explains what was meant.
func helpFor(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok {
		if node := p.Context.Selected(); node != nil {
			verb, _, _ := strings.Cut(node.FullPath(), " <")
			return verb + " --help"
		}
	}
	return "switchyard help"
}
