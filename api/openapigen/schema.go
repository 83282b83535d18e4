package main

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"
	"time"

	"switchyard/protocol"
)

// object is a JSON object; json.Marshal sorts its names.
type object map[string]any

// schemas makes JSON Schemas (2020-12, as OpenAPI 3.1 has them) of Go types.
type schemas struct {
	docs docs
	made map[string]object
	of   map[string]reflect.Type // by name of the schema
}

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
)

// values are those of string types that have few.
var values = map[reflect.Type][]string{
	reflect.TypeFor[protocol.TrackKind]():    {string(protocol.KindAudio), string(protocol.KindVideo)},
	reflect.TypeFor[protocol.TrackSource]():  sources(),
	reflect.TypeFor[protocol.FindingState](): {"ok", "warn", "fail", "skip"},
}

func sources() []string {
	var list []string
	for _, s := range protocol.AllSources {
		list = append(list, string(s))
	}
	return list
}

// schema returns that of a type; structs stand in components and are referred to.
func (s *schemas) schema(t reflect.Type) (object, error) {
	switch t {
	case rawType:
		return object{}, nil // any JSON
	case timeType:
		return object{"type": "string", "format": "date-time"}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.schema(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64, reflect.Uint32, reflect.Uint16:
		return object{"type": "integer"}, nil
	case reflect.Float64:
		return object{"type": "number"}, nil
	case reflect.String:
		o := object{"type": "string"}
		if list := values[t]; list != nil {
			o["enum"] = list
		}
		return o, nil
	case reflect.Slice:
		items, err := s.schema(t.Elem())
		return object{"type": "array", "items": items}, err
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return object{"type": "object"}, nil
		}
		of, err := s.schema(t.Elem())
		return object{"type": "object", "additionalProperties": of}, err
	case reflect.Struct:
		name, err := s.component(t)
		return object{"$ref": "#/components/schemas/" + name}, err
	}
	return nil, fmt.Errorf("openapigen: %s cannot be described", t)
}

// component describes a struct among the components and returns its name there. What two packages call
// the same is told apart by the package.
func (s *schemas) component(t reflect.Type) (string, error) {
	name := t.Name()
	if other := s.of[name]; other != nil && other != t {
		name = strings.ToUpper(path.Base(t.PkgPath())[:1]) + path.Base(t.PkgPath())[1:] + name
	}
	if s.of[name] == t {
		return name, nil
	}
	s.of[name] = t
	o := object{"type": "object"}
	if doc := s.docs[path.Base(t.PkgPath())+"."+t.Name()]; doc != "" {
		o["description"] = doc
	}
	s.made[name] = o
	properties, required := object{}, []string{}
	if err := s.fields(t, properties, &required); err != nil {
		return "", err
	}
	o["properties"] = properties
	if len(required) > 0 {
		o["required"] = required
	}
	return name, nil
}

func (s *schemas) fields(t reflect.Type, properties object, required *[]string) error {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if err := s.fields(f.Type, properties, required); err != nil {
				return err
			}
			continue
		}
		if name == "" || name == "-" {
			return fmt.Errorf("openapigen: %s.%s has no name in JSON", t, f.Name)
		}
		o, err := s.schema(f.Type)
		if err != nil {
			return err
		}
		if list := f.Tag.Get("oneof"); list != "" && !strings.HasSuffix(list, "*") {
			o["enum"] = strings.Fields(list)
		}
		if doc := s.docs[path.Base(t.PkgPath())+"."+t.Name()+"."+f.Name]; doc != "" {
			o["description"] = doc
		}
		properties[name] = o
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
	return nil
}
