package peer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLog gives what pion's libraries call warnings and errors to our logger, at debug level: most
// are another end that went away. What they call debug and trace costs nothing.
type pionLog struct{ log *slog.Logger }

// NewLogger implements logging.LoggerFactory.
func (f pionLog) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{f.log.With("scope", scope)}
}

type pionLogger struct{ log *slog.Logger }

func (l pionLogger) Trace(string)          {}
func (l pionLogger) Tracef(string, ...any) {}
func (l pionLogger) Debug(string)          {}
func (l pionLogger) Debugf(string, ...any) {}
func (l pionLogger) Info(string)           {}
func (l pionLogger) Infof(string, ...any)  {}
func (l pionLogger) Warn(s string)         { l.log.Debug(s) }
func (l pionLogger) Error(s string)        { l.log.Debug(s) }

func (l pionLogger) Warnf(format string, args ...any)  { l.printf(format, args) }
func (l pionLogger) Errorf(format string, args ...any) { l.printf(format, args) }

func (l pionLogger) printf(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}
