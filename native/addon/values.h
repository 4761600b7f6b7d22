// values.h: JavaScript values in and out, with errors that say which option was wrong. Throws Napi::Error (TypeError).
// defines: Options, typed_array, optional_typed_array, to_typed_array
#pragma once
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

namespace ctx {

[[noreturn]] inline void type_error(Napi::Env env, const std::string &message) { throw Napi::TypeError::New(env, message); }

// Reads the fields of an object; `path` names it in errors: "createEngine: memory.maxTokens must be …".
class Options {
 public:
  Options(Napi::Value value, std::string path) : path_(std::move(path)) {
    if (!value.IsObject() || value.IsNull()) type_error(value.Env(), path_ + " must be an object");
    object_ = value.As<Napi::Object>();
  }

  bool has(const char *name) const { return !object_.Get(name).IsUndefined() && !object_.Get(name).IsNull(); }
  Napi::Value get(const char *name) const { return object_.Get(name); }
  Options object(const char *name) const { return Options(get(name), at(name)); }
  std::string at(const char *name) const { return path_ + "." + name; }

  double number(const char *name) const {
    const Napi::Value value = get(name);
    if (!value.IsNumber()) type_error(value.Env(), at(name) + " must be a number");
    return value.As<Napi::Number>().DoubleValue();
  }
  int64_t integer(const char *name) const {
    const double x = number(name);
    if (!(x >= -9007199254740991.0 && x <= 9007199254740991.0) || x != (double)(int64_t)x)
      type_error(object_.Env(), at(name) + " must be a whole number");
    return (int64_t)x;
  }
  int small(const char *name) const { // an integer that must fit an int
    const int64_t x = integer(name);
    if (x < 0 || x > 1000000) type_error(object_.Env(), at(name) + " must lie in 0 … 1000000");
    return (int)x;
  }
  bool boolean(const char *name) const {
    const Napi::Value value = get(name);
    if (!value.IsBoolean()) type_error(value.Env(), at(name) + " must be true or false");
    return value.As<Napi::Boolean>().Value();
  }
  std::string string(const char *name) const {
    const Napi::Value value = get(name);
    if (!value.IsString()) type_error(value.Env(), at(name) + " must be a string");
    return value.As<Napi::String>().Utf8Value();
  }
  std::vector<std::string> strings(const char *name) const {
    std::vector<std::string> list;
    const Napi::Array array = this->array(name);
    for (uint32_t i = 0; i < array.Length(); i++) {
      const Napi::Value value = array[i];
      if (!value.IsString()) type_error(value.Env(), at(name) + " must be an array of strings");
      list.push_back(value.As<Napi::String>().Utf8Value());
    }
    return list;
  }
  Napi::Array array(const char *name) const {
    const Napi::Value value = get(name);
    if (!value.IsArray()) type_error(value.Env(), at(name) + " must be an array");
    return value.As<Napi::Array>();
  }

 private:
  Napi::Object object_;
  std::string path_;
};

template <class T> struct TypedArrayKind;
template <> struct TypedArrayKind<int32_t> { static constexpr napi_typedarray_type type = napi_int32_array; static constexpr const char *name = "an Int32Array"; };
template <> struct TypedArrayKind<float> { static constexpr napi_typedarray_type type = napi_float32_array; static constexpr const char *name = "a Float32Array"; };
template <> struct TypedArrayKind<double> { static constexpr napi_typedarray_type type = napi_float64_array; static constexpr const char *name = "a Float64Array"; };
template <> struct TypedArrayKind<uint8_t> { static constexpr napi_typedarray_type type = napi_uint8_array; static constexpr const char *name = "a Uint8Array"; };

// A copy: the caller may change the array while the job runs.
template <class T> std::vector<T> typed_array(Napi::Value value, const std::string &path) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != TypedArrayKind<T>::type)
    type_error(value.Env(), path + " must be " + TypedArrayKind<T>::name);
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

template <class T> std::vector<T> optional_typed_array(Napi::Value value, const std::string &path) {
  return value.IsUndefined() || value.IsNull() ? std::vector<T>() : typed_array<T>(value, path);
}

// Hands the vector's memory to JavaScript without copying.
template <class T> Napi::Value to_typed_array(Napi::Env env, std::vector<T> &&data) {
  const size_t count = data.size();
  if (count == 0) return Napi::TypedArrayOf<T>::New(env, 0, TypedArrayKind<T>::type);
  auto *held = new std::vector<T>(std::move(data));
  const auto release = [](Napi::Env, void *, std::vector<T> *vector) { delete vector; };
  return Napi::TypedArrayOf<T>::New(env, count, Napi::ArrayBuffer::New(env, held->data(), count * sizeof(T), release, held), 0, TypedArrayKind<T>::type);
}

} // namespace ctx
