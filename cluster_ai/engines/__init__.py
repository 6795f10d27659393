"""Inference engines: the embedded node (llama.cpp behind the Ollama API)."""
