/// JavaScript that builds the globals before a program comes.
///
/// A program may replace whatever it sees, so nothing in here that runs later looks anything up that a program can reach:
/// functions are kept in constants and called through a `Reflect.apply` that is kept too, properties are defined and
/// never assigned. What a program gets wrong with its own globals then hurts nobody but itself.
enum Prelude {
  /// A function expression; the engine calls it with its native functions and keeps what it returns: the function that
  /// makes the error with which a promise is rejected.
  static let source = #"""
    (function (natives) {
      'use strict';
      const { apply, getOwnPropertyNames } = { apply: Reflect.apply, getOwnPropertyNames: Object.getOwnPropertyNames };
      const { defineProperty, freeze } = Object;
      const { write, random, encode, decode, protocol } = natives;
      const global = globalThis;
      const define = (object, name, value) =>
        defineProperty(object, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });

      for (const name of ['SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'performance', 'navigator'])
        delete global[name];
      define(Math, 'random', random);

      const toWellFormed = String.prototype.toWellFormed;
      const bytesOf = (() => {
        const { isView } = ArrayBuffer;
        const Bytes = Uint8Array;
        const get = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
        const typed = Object.getPrototypeOf(Uint8Array.prototype);
        const tag = get(typed, Symbol.toStringTag);
        const of = (prototype) => [get(prototype, 'buffer'), get(prototype, 'byteOffset'), get(prototype, 'byteLength')];
        const [typedBuffer, typedOffset, typedLength] = of(typed);
        const [viewBuffer, viewOffset, viewLength] = of(DataView.prototype);
        return (source) => {
          if (!isView(source)) return new Bytes(source);
          return apply(tag, source, []) === undefined
            ? new Bytes(apply(viewBuffer, source, []), apply(viewOffset, source, []), apply(viewLength, source, []))
            : new Bytes(apply(typedBuffer, source, []), apply(typedOffset, source, []), apply(typedLength, source, []));
        };
      })();
      const isBuffer = (() => {
        const length = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get;
        const { isView } = ArrayBuffer;
        return (value) => {
          if (isView(value)) return true;
          try { apply(length, value, []); return true; } catch { return false; }
        };
      })();

      define(global, 'TextEncoder', class TextEncoder {
        get encoding() { return 'utf-8'; }
        encode(text = '') { return encode(apply(toWellFormed, text, [])); }
      });
      const charCodeAt = String.prototype.charCodeAt, slice = String.prototype.slice, lower = String.prototype.toLowerCase;
      define(global, 'TextDecoder', class TextDecoder {
        #fatal;
        #ignoreBOM;
        constructor(label = 'utf-8', options = {}) {
          const name = apply(lower, label, []);
          if (name !== 'utf-8' && name !== 'utf8') throw new RangeError('only utf-8 can be decoded');
          this.#fatal = !!options.fatal;
          this.#ignoreBOM = !!options.ignoreBOM;
        }
        get encoding() { return 'utf-8'; }
        get fatal() { return this.#fatal; }
        get ignoreBOM() { return this.#ignoreBOM; }
        decode(source = new Uint8Array()) {
          if (!isBuffer(source)) throw new TypeError('not an ArrayBuffer or a view of one');
          const text = decode(bytesOf(source), this.#fatal);
          if (text === null) throw new TypeError('the bytes are not UTF-8');
          return !this.#ignoreBOM && apply(charCodeAt, text, [0]) === 0xFEFF ? apply(slice, text, [1]) : text;
        }
      });

      if (protocol === undefined) {
        // Policy code runs in the fold, where no clock can stop it: what takes long in one step is not there.
        const kinds = [() => {}, async () => {}, function* () {}, async function* () {}];
        for (const kind of kinds) delete Object.getPrototypeOf(kind).constructor;
        for (const name of ['BigInt', 'BigInt64Array', 'BigUint64Array', 'DataView', 'Function', 'eval'])
          delete global[name];
        delete String.prototype.normalize;
        return undefined;
      }

      class ProtocolError extends Error {
        constructor(code, message, details) {
          super(message);
          define(this, 'code', code);
          define(this, 'details', details);
        }
      }
      define(ProtocolError.prototype, 'name', 'ProtocolError');
      freeze(ProtocolError.prototype);
      freeze(ProtocolError);
      define(global, 'ProtocolError', ProtocolError);

      const { get, head, send } = protocol.HTTP;
      const upper = String.prototype.toUpperCase;
      const request = (argument) => {
        if (argument === null || typeof argument !== 'object') return get(argument);
        const { method, ...rest } = argument;
        if (method === undefined) return get(rest);
        if (typeof method !== 'string') return send(argument);
        const name = apply(upper, method, []);
        if (name === 'GET') return get(rest);
        if (name === 'HEAD') return head(rest);
        return send({ ...rest, method: name });
      };
      defineProperty(protocol.HTTP, 'request', { value: request, enumerable: true });
      for (const family of getOwnPropertyNames(protocol)) {
        for (const method of getOwnPropertyNames(protocol[family])) freeze(protocol[family][method]);
        freeze(protocol[family]);
      }
      defineProperty(global, 'Protocol', { value: freeze(protocol), enumerable: true });

      const { stringify } = JSON;
      const text = String;
      const isError = Error.isError;
      const show = (value) => {
        if (typeof value === 'string') return value;
        try {
          if (isError(value)) return text(value);
          if (value !== null && typeof value === 'object') {
            const json = stringify(value);
            if (json !== undefined) return json;
          }
        } catch {}
        try { return text(value); } catch { return '(cannot be shown)'; }
      };
      const log = (prefix) => (...values) => {
        let line = prefix;
        for (let i = 0; i < values.length; i++) line += i === 0 ? show(values[i]) : ' ' + show(values[i]);
        write(line);
      };
      const console = {};
      for (const level of ['log', 'info', 'warn', 'error', 'debug'])
        define(console, level, log(level === 'log' ? '' : level + ': '));
      define(global, 'console', console);

      return ({ code, message, ...details }) => new ProtocolError(code, message, details);
    })
    """#
}
