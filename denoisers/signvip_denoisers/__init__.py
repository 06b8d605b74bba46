"""Built-in denoisers: noise to video latents (section 3.4), by the door of all plugins."""
