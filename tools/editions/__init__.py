"""Turn a chapter into notebooks that Colab, JupyterLab and VS Code show as the page does: for readers and classes."""
