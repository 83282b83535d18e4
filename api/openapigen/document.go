package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"switchyard/api"
	"switchyard/protocol"
)

// document is the whole, as OpenAPI 3.1 wants it.
func document(d docs) (object, error) {
	s := &schemas{docs: d, made: map[string]object{}, of: map[string]reflect.Type{}}
	problem, err := s.schema(reflect.TypeFor[api.Problem]())
	if err != nil {
		return nil, err
	}
	paths := object{}
	for i := range api.Routes {
		r := &api.Routes[i]
		o, err := s.operation(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		at, _ := paths[r.Path].(object)
		if at == nil {
			at = object{}
			paths[r.Path] = at
		}
		at[strings.ToLower(r.Method)] = o
	}
	hook, err := s.webhook()
	if err != nil {
		return nil, err
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Switchyard", "version": "v" + strconv.Itoa(protocol.Version),
			"summary":     "The HTTP API of a Switchyard server",
			"description": "docs/api.md explains it, docs/protocol.md the WebSocket of a room.",
			"license":     object{"name": "as in the file LICENSE"},
		},
		"servers":  []object{{"url": "/", "description": "The server that this document is about"}},
		"security": []object{{"token": []string{}}},
		"paths":    paths,
		"webhooks": object{"event": hook},
		"components": object{
			"schemas":         s.made,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token with the admin grant (switchyard token --admin), or with the moderate grant for one room."}},
			"responses":       object{"Problem": object{"description": "It was refused, or failed; detail says what to do.", "content": object{"application/problem+json": object{"schema": problem}}}},
		},
	}, nil
}

var wildcard = regexp.MustCompile(`\{(\w+)\}`)

// operation describes one route.
func (s *schemas) operation(r *api.Route) (object, error) {
	summary, rest, _ := strings.Cut(r.Doc, ". ")
	o := object{"operationId": r.Name, "summary": strings.TrimSuffix(summary, "."), "description": access(r, rest), "tags": []string{tag(r)}}
	if r.Access == api.Anyone {
		o["security"] = []object{}
	}
	if list := parameters(r); len(list) > 0 {
		o["parameters"] = list
	}
	if r.Body != nil || r.BodyMedia != "" {
		content, err := s.content(r.Body, r.BodyMedia, r.BodyExample)
		if err != nil {
			return nil, err
		}
		o["requestBody"] = object{"content": content}
	}
	success := object{"description": http.StatusText(r.Status)}
	if r.Answer != nil || r.Media != "" {
		content, err := s.content(r.Answer, r.Media, r.AnswerExample)
		if err != nil {
			return nil, err
		}
		success["content"] = content
	}
	refused := object{"$ref": "#/components/responses/Problem"}
	responses := object{strconv.Itoa(r.Status): success, "default": refused}
	for _, status := range r.Refusals() {
		responses[strconv.Itoa(status)] = refused
	}
	o["responses"] = responses
	return o, nil
}

func access(r *api.Route, rest string) string {
	who := map[api.Access]string{api.Anyone: "Needs no token.", api.Admin: "Needs the admin grant.",
		api.Moderator: "Needs the admin grant, or the moderate grant for the room.",
		api.Sender:    "Needs the token of the transfer's sender, or the admin grant.",
		api.Data:      "Needs the data grant for the room."}[r.Access]
	return strings.TrimSpace(rest + " " + who)
}

// tag is the part of the path after /v1/.
func tag(r *api.Route) string {
	part, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/v1/"), "/")
	return part
}

func parameters(r *api.Route) []object {
	var list []object
	for _, name := range wildcard.FindAllStringSubmatch(r.Path, -1) {
		list = append(list, object{"name": name[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range r.Query {
		o := object{"name": p.Name, "in": "query", "description": p.Doc, "schema": object{"type": "string"}}
		if p.Required {
			o["required"] = true
		}
		if p.Header {
			o["in"] = "header"
		}
		if p.Integer {
			o["schema"] = object{"type": "integer"}
		}
		list = append(list, o)
	}
	return list
}

// content is that of a body: JSON of v's type with an example, or anything else.
func (s *schemas) content(v any, media, example string) (object, error) {
	if media != "" {
		return object{media: object{}}, nil
	}
	schema, err := s.schema(reflect.TypeOf(v))
	if err != nil {
		return nil, err
	}
	o := object{"schema": schema}
	if example != "" {
		var value any
		if err := json.Unmarshal([]byte(example), &value); err != nil {
			return nil, fmt.Errorf("its example is no JSON: %w", err)
		}
		o["example"] = value
	}
	return object{"application/json": o}, nil
}

// webhook describes what the server sends.
func (s *schemas) webhook() (object, error) {
	event, err := s.schema(reflect.TypeFor[api.Event]())
	if err != nil {
		return nil, err
	}
	return object{"post": object{
		"operationId": "event", "summary": "Something happened in a room",
		"description": "Each event comes at least once, those of one room in order. The header " + api.SignatureHeader + " proves who sent it.",
		"parameters":  []object{{"name": api.SignatureHeader, "in": "header", "required": true, "schema": object{"type": "string"}}},
		"requestBody": object{"required": true, "content": object{"application/json": object{"schema": event}}},
		"responses":   object{"2XX": object{"description": "It was taken. Anything else, and it comes again later."}},
		"security":    []object{},
	}}, nil
}
